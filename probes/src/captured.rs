//! What a program wrote, bounded: the beginning and the end are kept, what lies between is counted and dropped.
//!
//! Reading goes on beyond the bound, so that a program that floods its output neither blocks nor fills the memory.

use std::collections::VecDeque;

use tokio::io::{AsyncRead, AsyncReadExt};

/// An output with a bound: half of it for the beginning, half for the end.
#[derive(Debug, Clone)]
pub struct Captured {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    cap: usize,
    written: u64,
}

impl Captured {
    /// Nothing yet, of which at most `cap` bytes will be kept.
    pub fn new(cap: usize) -> Self {
        Self { head: Vec::new(), tail: VecDeque::new(), cap, written: 0 }
    }

    /// How many bytes were written in all.
    pub fn written(&self) -> u64 {
        self.written
    }

    /// Whether more was written than is kept.
    pub fn truncated(&self) -> bool {
        self.dropped() > 0
    }

    fn dropped(&self) -> u64 {
        self.written.saturating_sub((self.head.len() + self.tail.len()) as u64)
    }

    /// What is kept, as text; a mark stands for what was dropped, and for each byte that is no UTF-8.
    pub fn text(&self) -> String {
        let mut bytes = self.head.clone();
        if self.truncated() {
            bytes.extend(format!("\n[{} bytes left out]\n", self.dropped()).into_bytes());
        }
        bytes.extend(&self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// Adds bytes, within the bound.
    pub fn push(&mut self, bytes: &[u8]) {
        self.written = self.written.saturating_add(bytes.len() as u64);
        let for_tail = self.cap / 2;
        let free = (self.cap - for_tail).saturating_sub(self.head.len());
        let (first, rest) = bytes.split_at(free.min(bytes.len()));
        self.head.extend_from_slice(first);
        let rest = &rest[rest.len().saturating_sub(for_tail)..];
        let over = (self.tail.len() + rest.len()).saturating_sub(for_tail);
        self.tail.drain(..over);
        self.tail.extend(rest);
    }

    /// Reads `pipe` to its end. A read error counts as the end: the other side is gone.
    pub(crate) async fn drain(&mut self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut buffer = vec![0; 16 * 1024];
        while let Ok(n @ 1..) = pipe.read(&mut buffer).await {
            self.push(&buffer[..n]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_and_the_end_are_kept() {
        let rows: [(&str, usize, &[&str], &str); 6] = [
            ("nothing", 4, &[], ""),
            ("as much as is kept", 4, &["ab", "cd"], "abcd"),
            ("more, at once", 4, &["abcdef"], "ab\n[2 bytes left out]\nef"),
            ("more, byte by byte", 4, &["a", "b", "c", "d", "e"], "ab\n[1 bytes left out]\nde"),
            ("an odd bound", 3, &["abcd", "e"], "ab\n[2 bytes left out]\ne"),
            ("nothing is kept", 0, &["abc"], "\n[3 bytes left out]\n"),
        ];
        for (row, cap, written, kept) in rows {
            let mut captured = Captured::new(cap);
            for text in written {
                captured.push(text.as_bytes());
            }
            assert_eq!(captured.text(), kept, "{row}");
            assert_eq!(captured.truncated(), kept.contains("left out"), "{row}");
        }
    }
}
