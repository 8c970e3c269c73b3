//! STS, 2011-06-15: who is calling.

use super::{Context, error::ApiError, form::Form, xml::Xml};

/// The one version there is.
pub(super) const VERSION: &str = "2011-06-15";
/// The namespace of its answers.
pub(super) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

/// GetCallerIdentity: needs no right.
pub(super) fn get_caller_identity(context: &Context<'_>, form: &Form) -> Result<String, ApiError> {
    form.only(&[])?;
    Ok(Xml::document("GetCallerIdentityResponse", Some(NAMESPACE), |xml| {
        xml.element("GetCallerIdentityResult", |xml| {
            xml.text("Arn", &context.api.caller_arn());
            xml.text("UserId", &context.api.user_id);
            xml.text("Account", &context.api.world.account);
        });
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", context.request_id));
    }))
}
