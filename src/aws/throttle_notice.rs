//! Tells a reader of a list that AWS throttles it: the SDK asks again by itself, and without a word the list would only seem slow.

use std::marker::PhantomData;

use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        interceptors::{Intercept, context::FinalizerInterceptorContextRef},
        runtime_components::RuntimeComponents,
    },
};
use aws_smithy_types::{config_bag::ConfigBag, error::metadata::ProvideErrorMetadata};
use tokio::sync::mpsc::Sender;

use super::error::is_throttle;
use crate::fleet::{Source, Update};

/// Watches the attempts of one call whose errors are `E`.
#[derive(Debug)]
pub(super) struct ThrottleNotice<E> {
    generation: u64,
    source: Source,
    updates: Sender<Update>,
    error: PhantomData<fn() -> E>,
}

impl<E> ThrottleNotice<E> {
    pub(super) fn new(generation: u64, source: Source, updates: &Sender<Update>) -> Self {
        Self { generation, source, updates: updates.clone(), error: PhantomData }
    }
}

impl<E> Intercept for ThrottleNotice<E>
where
    E: std::error::Error + ProvideErrorMetadata + Send + Sync + 'static,
{
    fn name(&self) -> &'static str {
        "ThrottleNotice"
    }

    fn read_after_attempt(
        &self,
        context: &FinalizerInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _bag: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        let error = context.output_or_error().and_then(Result::err);
        let code = error
            .and_then(|error| error.as_operation_error()?.downcast_ref::<E>())
            .and_then(ProvideErrorMetadata::code);
        if code.is_some_and(is_throttle) {
            // Only a hint: where the reader is so busy that there is no room, rows are coming in anyway.
            let notice = Update::Throttled { generation: self.generation, source: self.source };
            let _ = self.updates.try_send(notice);
        }
        Ok(())
    }
}
