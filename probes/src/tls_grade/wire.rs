//! Numbers and length-prefixed blocks, as TLS writes them: reading never leaves the bytes that are there.

/// What is left of some bytes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    /// The next `count` bytes, or nothing if there are fewer.
    pub(super) fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.take(1)?.first().copied()
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.take(2)?.try_into().ok().map(u16::from_be_bytes)
    }

    /// Three bytes, which any count of bytes can hold.
    pub(super) fn u24(&mut self) -> Option<usize> {
        let bytes = self.take(3)?;
        Some(bytes.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte)))
    }

    /// A block behind its length in one byte.
    pub(super) fn block8(&mut self) -> Option<&'a [u8]> {
        let count = self.u8()?;
        self.take(usize::from(count))
    }

    /// A block behind its length in two bytes.
    pub(super) fn block16(&mut self) -> Option<&'a [u8]> {
        let count = self.u16()?;
        self.take(usize::from(count))
    }

    /// A block behind its length in three bytes.
    pub(super) fn block24(&mut self) -> Option<&'a [u8]> {
        let count = self.u24()?;
        self.take(count)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Appends a number.
pub(super) fn put16(out: &mut Vec<u8>, number: u16) {
    out.extend_from_slice(&number.to_be_bytes());
}

/// Appends a block behind its length in `width` bytes. Blocks are our own, and short enough for it.
pub(super) fn block(out: &mut Vec<u8>, width: usize, inside: impl FnOnce(&mut Vec<u8>)) {
    let at = out.len();
    out.resize(at + width, 0);
    inside(out);
    let length = (out.len() - at - width).to_be_bytes();
    let from = length.len() - width;
    out[at..at + width].copy_from_slice(&length[from..]);
}
