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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backups_are_one_a_day_and_of_their_size() {
        let name = format!("launchgate-backups-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        write(&folder).expect("a folder");
        let now = SystemTime::now();
        for (name, hours, size) in [
            ("shop-0.dump", 2, 1_000_000),
            ("shop-1.dump", 26, 999_000),
            ("shop-2.dump", 50, 998_000),
            ("shop-3.dump", 74, 997_000),
        ] {
            let file = std::fs::metadata(folder.join(name)).expect(name);
            assert_eq!(file.len(), size, "{name}");
            let age = now.duration_since(file.modified().expect("a time")).expect("an age");
            let expected = Duration::from_secs(3_600) * hours;
            assert!(age.abs_diff(expected) < Duration::from_secs(60), "{name}: {age:?}");
        }
        assert_eq!(std::fs::read_dir(&folder).expect("a folder").count(), 4);
        std::fs::remove_dir_all(&folder).expect("the folder is ours");
    }
}
