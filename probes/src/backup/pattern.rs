//! Patterns of names, as in a shell: `*` and `?`.

/// Whether a name fits a pattern in which `*` stands for anything and `?` for one character.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    // Where the last star stands, and up to where it reaches.
    let mut star: Option<(usize, usize)> = None;
    while n < name.len() {
        match (pattern.get(p), star) {
            (Some('*'), _) => {
                star = Some((p, n));
                p += 1;
            }
            (Some(c), _) if *c == '?' || *c == name[n] => {
                p += 1;
                n += 1;
            }
            (_, Some((at, reach))) => {
                star = Some((at, reach + 1));
                p = at + 1;
                n = reach + 1;
            }
            (_, None) => return false,
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_in_a_shell() {
        let rows = [
            ("shop-*.dump", "shop-1.dump", true),
            ("shop-*.dump", "shop-.dump", true),
            ("shop-*.dump", "shop-1.dump.tmp", false),
            ("shop-?.dump", "shop-12.dump", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b", "ab-ab-b", true),
            ("*", "anything", true),
            ("x", "", false),
        ];
        for (pattern, name, fits) in rows {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }
}
