//! A folder of backups, one a day.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// Writes four backups into `folder`, the newest two hours old.
///
/// # Errors
/// The folder cannot be written.
pub fn write(folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder)?;
    for day in 0..4_u32 {
        let path = folder.join(format!("shop-{day}.dump"));
        let size = 1_000_000 - 1_000 * usize::try_from(day).unwrap_or_default();
        std::fs::write(&path, vec![b'x'; size])?;
        let age = Duration::from_secs(7_200) + Duration::from_secs(86_400) * day;
        std::fs::File::options().write(true).open(&path)?.set_modified(SystemTime::now() - age)?;
    }
    Ok(())
}
