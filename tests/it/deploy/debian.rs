//! The Debian package's metadata: what it takes is there or is made by `make dist-assets`, and what is configuration is
//! treated as such.

use serde_json::Value;

use super::{deploy, read, texts};
use crate::rig::process::{find_program, program, run};

fn package() -> Value {
    let text = run(program("cargo").current_dir(env!("CARGO_MANIFEST_DIR")).args([
        "metadata",
        "--no-deps",
        "--offline",
        "--format-version",
        "1",
    ]));
    let metadata: Value = serde_json::from_str(&text).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    packages.iter().find(|package| package["name"] == "launchgate").unwrap().clone()
}

#[test]
fn what_is_packaged_is_there_or_is_made() {
    let package = package();
    let deb = &package["metadata"]["deb"];
    let makefile = std::fs::read_to_string(deploy().join("../Makefile")).unwrap();
    let mut targets = Vec::new();
    for asset in deb["assets"].as_array().unwrap() {
        let [source, target, mode] = texts(asset)[..] else { panic!("{asset}") };
        let made =
            source == "target/release/launchgate" || makefile.contains(&format!("> {source}\n"));
        let pattern = source.replace("*.yaml", "quickstart.yaml");
        assert!(made || deploy().join("..").join(pattern).is_file(), "{source}");
        assert_eq!(mode, if target == "usr/bin/" { "755" } else { "644" }, "{source}");
        targets.push(format!("/{target}"));
    }
    for needed in
        ["/usr/bin/", "/usr/share/man/man1/launchgate.1", "/usr/lib/sysusers.d/launchgate.conf"]
    {
        assert!(targets.iter().any(|target| target == needed), "{needed}");
    }
    for conffile in texts(&deb["conf-files"]) {
        assert!(targets.iter().any(|target| target == conffile), "{conffile}");
    }
    let unit = &deb["systemd-units"];
    let (folder, name) =
        (unit["unit-scripts"].as_str().unwrap(), unit["unit-name"].as_str().unwrap());
    assert!(deploy().join("..").join(folder).join(format!("{name}.service")).is_file());
    // It has no launch file yet.
    assert_eq!((&unit["enable"], &unit["start"]), (&Value::Bool(false), &Value::Bool(false)));
}

#[test]
fn the_package_makes_the_account_that_the_unit_names() {
    let unit = read("launchgate.service");
    let account = unit.lines().find_map(|line| line.strip_prefix("User=")).unwrap();
    let sysusers = read("debian/launchgate.sysusers");
    assert!(sysusers.lines().any(|line| line.starts_with(&format!("u {account} "))), "{sysusers}");
    assert!(read("debian/postinst").contains(&format!("chgrp {account} ")));
    // Wherever the binary is: systemd looks along a path of its own.
    assert!(unit.contains("\nExecStart=launchgate serve "), "{unit}");
    for script in ["debian/postinst", "compose/start.sh"] {
        run(program("sh").arg("-n").arg(deploy().join(script)));
    }
}

#[test]
fn the_packages_changelog_has_this_version() {
    let changelog = read("debian/changelog");
    let version = package()["version"].as_str().unwrap().to_owned();
    assert!(changelog.starts_with(&format!("launchgate ({version}-")), "{changelog}");
}

#[test]
fn systemd_takes_the_unit() {
    if find_program("systemd-analyze").is_none() {
        eprintln!("SKIPPED: systemd-analyze is not installed");
        return;
    }
    let folder = crate::rig::process::TempDir::new("unit");
    // Here the binary is in neither of the folders that systemd looks in.
    let here = format!("ExecStart={} serve", env!("CARGO_BIN_EXE_launchgate"));
    let unit = read("launchgate.service").replace("ExecStart=launchgate serve", &here);
    let unit = folder.write("launchgate.service", &unit);
    run(program("systemd-analyze").arg("verify").arg(unit));
}
