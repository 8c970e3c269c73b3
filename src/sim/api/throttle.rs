//! Calls that are refused because there were too many: a share of them, or those that find a bucket empty.

use std::collections::HashMap;

use jiff::Timestamp;

use crate::sim::fault::{Fault, Limit};

/// What a place has counted.
#[derive(Default)]
pub(super) struct Meter {
    /// The calls that each fault of the list has seen.
    calls: Vec<u64>,
    /// For each fault, and each action of its own (EC2: "API throttling").
    buckets: HashMap<(usize, String), Bucket>,
}

struct Bucket {
    tokens: f64,
    filled: Timestamp,
}

impl Meter {
    /// Counts a call, and says whether it is one too many.
    pub(super) fn refuses(&mut self, faults: &[Fault], action: &str, now: Timestamp) -> bool {
        self.calls.resize(faults.len(), 0);
        let mut refuse = false;
        for (at, fault) in faults.iter().enumerate() {
            let Fault::Throttle { action: pattern, limit } = fault else { continue };
            if !pattern.matches(action) {
                continue;
            }
            match *limit {
                Limit::Share(share) => {
                    let due = |calls: u64| (calls as f64 * share.as_f64()).ceil();
                    refuse |= due(self.calls[at] + 1) > due(self.calls[at]);
                    self.calls[at] += 1;
                }
                Limit::Rate { per_second, burst } => {
                    let (rate, most) = (f64::from(per_second), f64::from(burst));
                    let bucket = (self.buckets.entry((at, action.to_owned())))
                        .or_insert(Bucket { tokens: most, filled: now });
                    let passed = now.duration_since(bucket.filled).as_secs_f64().max(0.0);
                    bucket.tokens = (bucket.tokens + passed * rate).min(most);
                    bucket.filled = now;
                    if bucket.tokens < 1.0 {
                        refuse = true;
                    } else {
                        bucket.tokens -= 1.0;
                    }
                }
            }
        }
        refuse
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of so many calls in the same moment, which are let through.
    fn through(meter: &mut Meter, faults: &[Fault], action: &str, second: i64, calls: usize) -> usize {
        let now = Timestamp::from_second(second).unwrap();
        (0..calls).filter(|_| !meter.refuses(faults, action, now)).count()
    }

    #[test]
    fn a_bucket_lets_a_burst_through_and_then_its_rate() {
        let faults = ["throttle=ec2:Describe*:2/s+5".parse().unwrap()];
        let mut meter = Meter::default();
        assert_eq!(through(&mut meter, &faults, "ec2:DescribeInstances", 0, 20), 5);
        assert_eq!(through(&mut meter, &faults, "ec2:DescribeRegions", 0, 20), 5, "each action has its own");
        assert_eq!(through(&mut meter, &faults, "ec2:DescribeInstances", 1, 20), 2);
        assert_eq!(
            through(&mut meter, &faults, "ec2:DescribeInstances", 60, 20),
            5,
            "never more than it holds"
        );
        assert_eq!(through(&mut meter, &faults, "ssm:StartSession", 60, 20), 20, "others are not meant");
        assert_eq!(through(&mut meter, &faults, "ec2:DescribeInstances", 50, 20), 0, "a clock may go back");
    }

    #[test]
    fn a_share_is_spread_evenly() {
        let faults = ["throttle=ssm:*:25%".parse().unwrap()];
        let mut meter = Meter::default();
        assert_eq!(through(&mut meter, &faults, "ssm:GetConnectionStatus", 0, 100), 75);
        assert!(
            meter.refuses(&faults, "ssm:GetConnectionStatus", Timestamp::UNIX_EPOCH),
            "the first of each four"
        );
    }
}
