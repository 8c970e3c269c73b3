//! Reads the forms of the query protocols: `Name.N` lists and plain parameters.

use std::collections::BTreeMap;

use url::form_urlencoded;

use super::error::ApiError;

/// The parameters of a request.
pub(crate) struct Form(BTreeMap<String, String>);

impl Form {
    pub(crate) fn parse(body: &[u8]) -> Form {
        Form(form_urlencoded::parse(body).into_owned().collect())
    }

    /// One parameter; an empty one counts as absent.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The values of `Name.1`, `Name.2`, …, in the order of their numbers.
    pub(crate) fn list(&self, name: &str) -> Vec<&str> {
        self.numbers(name).into_iter().filter_map(|n| self.get(&format!("{name}.{n}"))).collect()
    }

    /// A member of each structure of a list: `Name.1.member`, `Name.2.member`, …
    pub(crate) fn numbered(&self, name: &str, member: &str) -> Vec<&str> {
        self.numbers(name).into_iter().filter_map(|n| self.get(&format!("{name}.{n}.{member}"))).collect()
    }

    /// EC2's filters: `Filter.N.Name` with `Filter.N.Value.M`.
    pub(crate) fn filters(&self) -> Vec<(&str, Vec<&str>)> {
        (self.numbers("Filter").into_iter())
            .filter_map(|n| {
                Some((self.get(&format!("Filter.{n}.Name"))?, self.list(&format!("Filter.{n}.Value"))))
            })
            .collect()
    }

    /// Refuses parameters that the operation does not have.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        for name in self.0.keys() {
            let stem = name.split('.').next().unwrap_or_default();
            if !["Action", "Version"].contains(&stem) && !known.contains(&stem) {
                return Err(ApiError::common(
                    "UnknownParameter",
                    format!("The parameter {name} is not recognized"),
                ));
            }
        }
        Ok(())
    }

    /// The numbers N of `Name.N…`, in their order.
    pub(crate) fn numbers(&self, name: &str) -> Vec<u32> {
        let prefix = format!("{name}.");
        let mut numbers: Vec<u32> = (self.0.keys())
            .filter_map(|key| key.strip_prefix(&prefix)?.split('.').next()?.parse().ok())
            .collect();
        numbers.sort_unstable();
        numbers.dedup();
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_by_their_numbers() {
        let form = Form::parse(
            b"Action=A&Version=1&InstanceId.10=j&InstanceId.2=b&InstanceId.1=a&Filter.2.Name=tag%3AName&Filter.2.Value.1=web*&Filter.2.Value.2=x+y&Empty=",
        );
        assert_eq!(form.list("InstanceId"), ["a", "b", "j"]);
        assert_eq!(form.filters(), [("tag:Name", vec!["web*", "x y"])]);
        assert_eq!(form.get("Empty"), None);
        assert!(form.only(&["InstanceId", "Filter", "Empty"]).is_ok());
        assert_eq!(
            form.only(&["InstanceId", "Filter"]).unwrap_err().message.unwrap(),
            "The parameter Empty is not recognized"
        );
    }
}
