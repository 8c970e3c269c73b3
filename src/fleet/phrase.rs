//! Counts, ages and moments as people say them: "1,900", "3 h", "3 May 22:10".

use jiff::Timestamp;

/// A count with separators: `1,900`.
pub fn count(number: usize) -> String {
    let digits = number.to_string();
    let mut words = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            words.push(',');
        }
        words.push(digit);
    }
    words
}

/// How long ago, to one unit: `12 s`, `14 min`, `3 h`, `12 d`. What lies ahead counts as now.
pub fn age(since: Timestamp, now: Timestamp) -> String {
    span(now.duration_since(since).as_secs().max(0).unsigned_abs())
}

/// As [`age`] without the space, for a narrow column: `12s`, `14m`, `3h`, `12d`.
pub fn short_age(since: Timestamp, now: Timestamp) -> String {
    let seconds = now.duration_since(since).as_secs().max(0);
    match seconds {
        0..60 => format!("{seconds}s"),
        60..3_600 => format!("{}m", seconds / 60),
        3_600..86_400 => format!("{}h", seconds / 3_600),
        _ => format!("{}d", seconds / 86_400),
    }
}

/// A moment in UTC: `3 May 22:10 UTC`, with the year when it isn't this one.
pub fn moment(at: Timestamp, now: Timestamp) -> String {
    let zone = jiff::tz::TimeZone::UTC;
    let same_year = at.to_zoned(zone.clone()).year() == now.to_zoned(zone).year();
    at.strftime(if same_year { "%-d %b %H:%M UTC" } else { "%-d %b %Y %H:%M UTC" }).to_string()
}

/// A span to one unit, as [`age`] has it: `7 min`.
pub fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..86_400 => format!("{} h", seconds / 3_600),
        _ => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn counts_have_separators() {
        let said: Vec<_> = [0, 999, 1_000, 1_900, 100_000, 1_234_567].into_iter().map(count).collect();
        assert_eq!(said, ["0", "999", "1,000", "1,900", "100,000", "1,234,567"]);
    }

    #[test]
    fn ages_have_one_unit_and_the_future_is_now() {
        let now = at("2026-05-03T12:00:00Z");
        let said = |then: &str| age(at(then), now);
        assert_eq!(said("2026-05-03T11:59:48Z"), "12 s");
        assert_eq!(said("2026-05-03T11:46:00Z"), "14 min");
        assert_eq!(said("2026-05-03T09:00:00Z"), "3 h");
        assert_eq!(said("2026-04-21T09:00:00Z"), "12 d");
        assert_eq!(said("2026-05-03T12:00:30Z"), "0 s");
        assert_eq!(short_age(at("2026-05-03T11:46:00Z"), now), "14m");
    }

    #[test]
    fn moments_name_the_year_only_when_it_is_another() {
        let now = at("2026-05-03T12:00:00Z");
        assert_eq!(moment(at("2026-05-03T22:10:11Z"), now), "3 May 22:10 UTC");
        assert_eq!(moment(at("2024-11-02T09:00:00Z"), now), "2 Nov 2024 09:00 UTC");
    }
}
