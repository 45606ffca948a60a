//! A block of events from which some may be left out.

use bytes::{Bytes, BytesMut};

/// Copies nothing until something is left out or added.
pub(super) struct Edit {
    block: Bytes,
    edited: BytesMut,
    /// What of `block` is in `edited` or left out for good.
    done: usize,
}

impl Edit {
    /// Starts with all of `block`.
    pub(super) fn new(block: Bytes) -> Self {
        Self {
            block,
            edited: BytesMut::new(),
            done: 0,
        }
    }

    /// Leaves out the bytes from `from` to `to`, behind all left out before.
    pub(super) fn leave_out(&mut self, from: usize, to: usize) {
        self.edited.extend_from_slice(&self.block[self.done..from]);
        self.done = to;
    }

    /// Ends the block at `to` and returns it.
    pub(super) fn cut(mut self, to: usize) -> Bytes {
        if self.done == 0 {
            self.block.truncate(to);
            return self.block;
        }
        self.leave_out(to, to);
        self.edited.freeze()
    }

    /// Ends the block at `to` and returns it with `tail` in place of the rest.
    pub(super) fn cut_with(mut self, to: usize, tail: &[u8]) -> Bytes {
        self.leave_out(to, to);
        self.edited.extend_from_slice(tail);
        self.edited.freeze()
    }

    /// Returns the length of the block, unedited.
    pub(super) fn len(&self) -> usize {
        self.block.len()
    }

    /// Returns the bytes from `from` to `to` of the block, unedited.
    pub(super) fn bytes(&self, from: usize, to: usize) -> &[u8] {
        &self.block[from..to]
    }
}
