//! What EC2's lists have in common: ids, filters, pages, and their refusals.

use super::{NAMESPACE, page_size, refuse_dry_run};
use crate::sim::{
    api::{
        Context,
        error::{ApiError, Wire},
        form::Form,
        page,
        xml::Xml,
    },
    fault::glob,
};

/// One list of EC2, of things of a kind.
pub(super) struct Listing<T> {
    /// `DescribeVpcs`.
    pub(super) operation: &'static str,
    /// The element around the items: `vpcSet`.
    pub(super) set: &'static str,
    /// Parameters beside those that all lists have.
    pub(super) more: &'static [&'static str],
    /// The parameter for ids, the code where one is unknown, and its text, with `{}` for the id.
    pub(super) ids: (&'static str, &'static str, &'static str),
    pub(super) id: fn(&T) -> &str,
    /// Filters beside those on tags.
    pub(super) filters: &'static [&'static str],
    /// What a filter is compared with.
    pub(super) values: fn(&Context<'_>, &T, &str) -> Vec<String>,
    pub(super) write: fn(&Context<'_>, &mut Xml, &T),
}

impl<T> Listing<T> {
    /// Answers a request for some of these.
    pub(super) fn answer(&self, context: &Context<'_>, form: &Form, all: &[&T]) -> Result<String, ApiError> {
        let (parameter, code, text) = self.ids;
        let known = [&[parameter, "Filter", "MaxResults", "NextToken", "DryRun"], self.more].concat();
        form.only(&known)?;
        let api = context.api;
        context.permit(Wire::Ec2, &format!("ec2:{}", self.operation), None)?;
        refuse_dry_run(form)?;
        let ids = form.list(parameter);
        let filters = form.filters();
        for (name, _) in &filters {
            if !self.filters.contains(name) && !name.starts_with("tag:") && *name != "tag-key" {
                let text = format!("The filter '{name}' is invalid");
                return Err(ApiError::common("InvalidParameterValue", text));
            }
        }
        if let Some(unknown) = ids.iter().find(|id| !all.iter().any(|one| (self.id)(one) == **id)) {
            return Err(ApiError::common(code, text.replace("{}", unknown)));
        }
        let size = page_size(form, &ids)?;
        let question = format!("{}\n{ids:?}\n{filters:?}", self.operation);
        let from = match form.get("NextToken") {
            None => 0,
            Some(token) => (api.tokens.open(&question, token)).ok_or_else(|| {
                ApiError::common("InvalidParameterValue", "Unable to parse pagination token")
            })?,
        };
        let chosen = |one: &&&T| {
            let named = ids.is_empty() || ids.contains(&(self.id)(one));
            let matches = |(name, wanted): &(&str, Vec<&str>)| {
                let given = (self.values)(context, one, name);
                let like =
                    |pattern: &&str| given.iter().any(|given| glob(pattern.as_bytes(), given.as_bytes()));
                wanted.iter().any(like)
            };
            named && filters.iter().all(matches)
        };
        // A question for one thing is answered by one page, however many there are.
        let chosen: Vec<&T> = all.iter().filter(chosen).copied().collect();
        let (shown, next) = page::walk(&chosen, from, size, |one| Some(*one));
        Ok(Xml::document(&format!("{}Response", self.operation), Some(NAMESPACE), |xml| {
            xml.text("requestId", context.request_id);
            xml.element(self.set, |xml| {
                for one in shown {
                    xml.element("item", |xml| (self.write)(context, xml, one));
                }
            });
            if let Some(place) = next {
                xml.text("nextToken", &api.tokens.seal(&question, place));
            }
        }))
    }
}

/// The tag `Name`, which is all the tags that networks have here.
pub(super) fn name_tag(xml: &mut Xml, name: &str) {
    xml.element("tagSet", |xml| {
        if !name.is_empty() {
            super::instance::tag(xml, "Name", name);
        }
    });
}

/// What a filter on tags is compared with.
pub(super) fn tag_values(name: &str, filter: &str) -> Vec<String> {
    match filter {
        "tag-key" => vec!["Name".to_owned()],
        "tag:Name" => vec![name.to_owned()],
        _ => Vec::new(),
    }
}
