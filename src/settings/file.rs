//! Reading what people wrote from disk: whole, bounded, and as text.

use std::io::Read;
use std::path::Path;

use super::diagnostic::Diagnostics;

/// Reads a text file of `most` bytes at most.
///
/// # Errors
/// What keeps it from being read, as the one problem of the file.
pub(crate) fn read(path: &Path, most: u64) -> Result<String, Diagnostics> {
    let name = path.display().to_string();
    let fail = |message: String| Diagnostics::of_file(&name, 1, message);
    let unreadable = |error: std::io::Error| fail(format!("the file cannot be read: {error}"));
    let file = std::fs::File::open(path).map_err(unreadable)?;
    if file.metadata().map_err(unreadable)?.is_dir() {
        return Err(fail("this is a folder".to_owned()));
    }
    let mut bytes = Vec::new();
    // Not the size that the file system claims: a pipe or a device has none.
    file.take(most + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > most {
        return Err(fail(format!("the file is larger than {} MiB", most >> 20)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].split(|byte| *byte == b'\n').count();
        Diagnostics::of_file(&name, line, "this line is not UTF-8".to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_read_is_told() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
        let rows = [
            ("not there", folder.join("no-such-file"), "cannot be read"),
            ("a folder", folder.to_owned(), "this is a folder"),
            ("too large", folder.join("Cargo.lock"), "larger than 0 MiB"),
        ];
        for (row, path, message) in rows {
            let told = read(&path, 1000).unwrap_err().to_string();
            assert!(told.contains(message), "{row}: {told}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_device_without_end_has_one() {
        let told = read(Path::new("/dev/zero"), 1 << 20).unwrap_err().to_string();
        assert!(told.contains("larger than 1 MiB"), "{told}");
    }
}
