//! A stream for a client of Gemini that wants one JSON array instead of events.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::Stream;

use crate::dialect::gemini::{KEEP_ALIVE, array::Array};

/// Turns the events of a relay into the pieces of an array.
pub struct InArray<S> {
    events: Option<S>,
    array: Array,
}

impl<S> InArray<S> {
    /// Takes a stream of events.
    pub fn new(events: S) -> Self {
        Self {
            events: Some(events),
            array: Array::default(),
        }
    }
}

impl<S> Stream for InArray<S>
where
    S: Stream<Item = Result<Bytes, Infallible>> + Unpin,
{
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        while let Some(events) = &mut this.events {
            let mut out = Vec::new();
            match ready!(Pin::new(events).poll_next(cx)) {
                // A sign of life is no event.
                Some(Ok(read)) if *read == *KEEP_ALIVE => out.extend_from_slice(&read),
                Some(Ok(read)) => {
                    this.array.push(&read, &mut out);
                    if this.array.is_overlong() {
                        this.array.fail(&mut out);
                        this.events = None;
                    }
                }
                Some(Err(never)) => match never {},
                None => {
                    this.array.finish(&mut out);
                    this.events = None;
                }
            }
            if !out.is_empty() {
                return Poll::Ready(Some(Ok(out.into())));
            }
        }
        Poll::Ready(None)
    }
}
