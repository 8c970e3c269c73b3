//! The region's doors as fuzz targets knock at them; built for those only.

use futures_util::FutureExt;
use http::{Request, request::Parts};
use jiff::Timestamp;
use serde_json::Value;

use super::{
    api::cloud::Cloud,
    options::Options,
    world::document::{Document, Format},
};

/// A region's calls without its sockets. It starts no sessions.
pub struct Door {
    cloud: Cloud,
}

impl Default for Door {
    fn default() -> Self {
        let faults = ["deny=ssm:StartSession", "deny=ecs:ExecuteCommand"];
        let faults = faults.iter().filter_map(|spec| spec.parse().ok()).collect();
        let options = Options { faults, ..Options::default() };
        let address = ([127, 0, 0, 1], 1).into();
        let cloud = Cloud::new(&options, address, |_| Ok(None), Timestamp::now());
        Self { cloud: cloud.expect("without agents there is nothing to fail") }
    }
}

impl Door {
    /// A call that was let in; `None` if the request is no HTTP at all.
    pub fn call(&self, target: &str, body: &[u8]) -> Option<Result<String, String>> {
        let head = head(&[("x-amz-target", target)], "")?;
        self.cloud.knock(&head, body, true).now_or_never()
    }

    /// A call whose signature is looked at first. Nobody here knows the keys.
    pub fn signed(
        &self,
        headers: &[(&str, &str)],
        query: &str,
        body: &[u8],
    ) -> Option<Result<String, String>> {
        self.cloud.knock(&head(headers, query)?, body, false).now_or_never()
    }
}

fn head(headers: &[(&str, &str)], query: &str) -> Option<Parts> {
    let mut request = Request::post(format!("/?{query}"));
    for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
        request = request.header(*name, *value);
    }
    Some(request.body(()).ok()?.into_parts().0)
}

/// Reads a document and puts values into their places.
pub fn document(format: &str, text: &str, given: &[(&str, Vec<&str>)]) {
    let Some(format) = Format::parse(format) else { return };
    let Ok(content) = format.read(text) else { return };
    if let Ok(document) = Document::read(&content) {
        let written: Result<Value, _> = format.read(&format.write(&content));
        assert_eq!(written.as_ref(), Ok(&content), "what is written reads the same");
        let _ = document.resolve("fuzz", given);
    }
}
