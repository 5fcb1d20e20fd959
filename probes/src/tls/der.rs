//! DER, as far as a revocation answer needs it: one element after another, each with its tag and what it holds.
//!
//! It copies nothing, allocates nothing and trusts no length. What the elements mean is for the caller to say.

/// One element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// The tag's byte, with its class.
    pub(super) tag: u8,
    /// What it holds.
    pub(super) body: &'a [u8],
    /// All of it, tag and length included: what signatures are made over.
    pub(super) whole: &'a [u8],
}

/// Elements that stand one after another.
#[derive(Debug, Clone, Copy)]
pub(super) struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Reads from the start of `bytes`.
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element, if it has one of the tags; nothing is passed over otherwise.
    pub(super) fn take(&mut self, tag: u8) -> Option<Element<'a>> {
        let (element, rest) = split(self.0)?;
        (element.tag == tag).then(|| {
            self.0 = rest;
            element
        })
    }

    /// Passes over the next element if it has this tag.
    pub(super) fn pass(&mut self, tag: u8) {
        if let Some((element, rest)) = split(self.0)
            && element.tag == tag
        {
            self.0 = rest;
        }
    }

    /// The next element, whatever it is.
    pub(super) fn any(&mut self) -> Option<Element<'a>> {
        let (element, rest) = split(self.0)?;
        self.0 = rest;
        Some(element)
    }
}

/// What the outermost element of `bytes` holds.
pub(super) fn inside(bytes: &[u8]) -> Option<&[u8]> {
    Der::new(bytes).any().map(|element| element.body)
}

fn split(bytes: &[u8]) -> Option<(Element<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    // Tags of more than one byte occur in nothing that is read here.
    if tag & 0x1f == 0x1f {
        return None;
    }
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = match first {
        0..=0x7f => (usize::from(first), rest),
        0x81..=0x84 => {
            let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
            (digits.iter().fold(0, |sum, d| sum << 8 | usize::from(*d)), rest)
        }
        _ => return None,
    };
    let (body, after) = rest.split_at_checked(length)?;
    let whole = bytes.get(..bytes.len() - after.len())?;
    Some((Element { tag, body, whole }, after))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_are_read_and_lengths_are_not_believed() {
        let rows: [(&str, &[u8], Option<usize>); 9] = [
            ("an integer", &[2, 1, 7], Some(1)),
            ("an empty one", &[5, 0], Some(0)),
            ("a long form", &[4, 0x81, 2, 1, 2], Some(2)),
            ("nothing", &[], None),
            ("no length", &[2], None),
            ("too short", &[2, 2, 7], None),
            ("endless", &[4, 0x84, 0xff, 0xff, 0xff, 0xff, 0], None),
            ("of no definite length", &[0x30, 0x80, 0, 0], None),
            ("a long tag", &[0x1f, 0x81, 1, 0], None),
        ];
        for (row, bytes, length) in rows {
            assert_eq!(inside(bytes).map(<[u8]>::len), length, "{row}");
        }
        let mut der = Der::new(&[2, 1, 7, 5, 0]);
        assert_eq!(der.take(5), None, "another tag is left where it is");
        assert_eq!(der.any().map(|e| e.whole.len()), Some(3));
        assert!(der.take(5).is_some() && der.any().is_none());
    }
}
