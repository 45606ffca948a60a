//! One connection: a socket, what is still to be written and what was read.

use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, Waker, ready},
    time::Instant,
};

use actix_codec::{AsyncRead as _, AsyncWrite as _, ReadBuf, poll_read_buf};
use bytes::{Buf as _, Bytes, BytesMut};

use super::{alarm::Alarm, io::Io};

/// The least room made for a read: a head and a usual answer in one go, and
/// small enough for ten thousand open streams.
const SMALL_READ: usize = 8 * 1024;
/// The most room made for a read of a long body.
const LARGE_READ: usize = 64 * 1024;
/// Up to here copying a body behind its head is cheaper than a second slice.
const COPIED_UPLOAD: usize = 4 * 1024;

pub(super) struct Connection {
    io: Io,
    /// Read but not yet used.
    pub(super) inbound: BytesMut,
    head: Vec<u8>,
    head_sent: usize,
    upload: Bytes,
    writing: bool,
    read_size: usize,
    grown: bool,
    pub(super) alarm: Alarm,
    born: Instant,
}

impl Connection {
    pub(super) fn new(io: Io, born: Instant) -> Self {
        Self {
            io,
            inbound: BytesMut::new(),
            head: Vec::new(),
            head_sent: 0,
            upload: Bytes::new(),
            writing: false,
            read_size: SMALL_READ,
            grown: false,
            alarm: Alarm::default(),
            born,
        }
    }

    /// When it was opened.
    pub(super) fn born(&self) -> Instant {
        self.born
    }

    /// Whether a part of the request is still to be written.
    pub(super) fn is_writing(&self) -> bool {
        self.writing
    }

    /// Takes a request to write: `head` writes everything before the body.
    pub(super) fn load(&mut self, body: &Bytes, head: impl FnOnce(&mut Vec<u8>)) {
        self.head.clear();
        self.head_sent = 0;
        head(&mut self.head);
        if body.len() <= COPIED_UPLOAD {
            self.head.extend_from_slice(body);
            self.upload = Bytes::new();
        } else {
            self.upload = body.clone();
        }
        self.writing = true;
    }

    /// Writes on; ready once the whole request has left this process.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if !self.writing {
            return Poll::Ready(Ok(()));
        }
        let mut io = Pin::new(&mut self.io);
        loop {
            let head = &self.head[self.head_sent..];
            let written = match (head.is_empty(), self.upload.is_empty()) {
                (true, true) => {
                    ready!(io.as_mut().poll_flush(cx))?;
                    self.writing = false;
                    return Poll::Ready(Ok(()));
                }
                (false, true) => ready!(io.as_mut().poll_write(cx, head))?,
                (true, false) => ready!(io.as_mut().poll_write(cx, &self.upload))?,
                (false, false) => {
                    let slices = [IoSlice::new(head), IoSlice::new(&self.upload)];
                    ready!(io.as_mut().poll_write_vectored(cx, &slices))?
                }
            };
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            let of_head = written.min(head.len());
            self.head_sent += of_head;
            self.upload.advance(written - of_head);
        }
    }

    /// Reads more into `inbound`; `expected` bytes are known to follow. Ready
    /// with 0 at the end of the connection.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        expected: usize,
    ) -> Poll<io::Result<usize>> {
        let wanted = expected.clamp(self.read_size, LARGE_READ);
        if self.room() < wanted / 4 {
            // Takes the old memory back when nobody holds a piece of it any
            // more; asking for no more than it was keeps it from growing.
            let more = wanted.saturating_sub(self.inbound.len());
            self.inbound.reserve(more.max(wanted / 4));
            self.grown |= wanted > SMALL_READ;
        }
        let room = self.room();
        let io = Pin::new(&mut self.io);
        let read = ready!(poll_read_buf(io, cx, &mut self.inbound))?;
        self.read_size = if read == room {
            (self.read_size * 2).min(LARGE_READ)
        } else {
            SMALL_READ
        };
        Poll::Ready(Ok(read))
    }

    fn room(&self) -> usize {
        self.inbound.capacity() - self.inbound.len()
    }

    /// Whether the endpoint has left an idle connection alone: open, and not
    /// one byte sent. Costs a system call only when something did happen.
    pub(super) fn is_quiet(&mut self) -> bool {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut cx = Context::from_waker(Waker::noop());
        Pin::new(&mut self.io)
            .poll_read(&mut cx, &mut buffer)
            .is_pending()
    }

    #[cfg(test)]
    pub(super) fn memory(&self) -> usize {
        self.inbound.capacity() + self.head.capacity() + self.upload.len()
    }

    /// Whether both sides are done with the last exchange, to the byte.
    pub(super) fn is_settled(&self) -> bool {
        !self.writing && self.inbound.is_empty()
    }

    /// Gives up memory that only a long body needed.
    pub(super) fn rest(&mut self) {
        if std::mem::take(&mut self.grown) {
            self.inbound = BytesMut::new();
        }
        if self.head.capacity() > 2 * SMALL_READ {
            self.head = Vec::new();
        }
        self.upload = Bytes::new();
        self.read_size = SMALL_READ;
    }
}
