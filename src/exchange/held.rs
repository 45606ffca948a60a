//! A whole answer on its way out, with the room it takes until it is sent.

use std::{
    convert::Infallible,
    pin::Pin,
    task::{Context, Poll},
};

use actix_web::{
    body::{BodySize, BoxBody, MessageBody},
    web::Bytes,
};

use crate::room::Held;

/// Answers up to this many bytes take no room worth counting.
const SMALL: usize = 64 * 1024;

/// Returns `bytes` as a body that gives its room back once it is sent.
pub(super) fn body(bytes: Bytes, held: Held) -> BoxBody {
    if bytes.len() <= SMALL {
        return BoxBody::new(bytes);
    }
    BoxBody::new(HeldBody {
        bytes: Some(bytes),
        _held: held,
    })
}

struct HeldBody {
    bytes: Option<Bytes>,
    _held: Held,
}

impl MessageBody for HeldBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Sized(self.bytes.as_ref().map_or(0, |it| it.len() as u64))
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(self.bytes.take().map(Ok))
    }
}
