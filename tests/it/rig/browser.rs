//! A real Chromium without a window, driven through chromedriver. Each has a profile of its own and asks nobody but the page.

use std::path::PathBuf;
use std::time::Duration;

use fantoccini::key::Key;
use fantoccini::wd::Capabilities;
use fantoccini::{Client, ClientBuilder, Locator};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::process::{Server, TempDir, free_port, need, program};

const PATIENCE: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(25);
/// What keeps a browser of a test from asking its maker for anything.
const ALONE: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// How a page is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    Light,
    Dark,
    Phone,
    NoScript,
}

/// An open browser with one page; it ends with its driver.
pub(crate) struct Browser {
    page: Client,
    driver: Server,
    _folder: TempDir,
}

/// Whether a browser and its driver are installed.
pub(crate) fn need_browser() -> bool {
    need("chromium") && need("chromedriver")
}

impl Browser {
    pub(crate) async fn open(look: Look) -> Self {
        let folder = TempDir::new("browser");
        let port = free_port();
        let mut command = program("chromedriver");
        command.arg(format!("--port={port}"));
        let mut driver = Server::spawn(command, "chromedriver", folder.join("driver.log"));
        driver.wait_for("port", || std::net::TcpStream::connect(("127.0.0.1", port)).ok());
        let mut builder = ClientBuilder::new(HttpConnector::new());
        let opened = builder
            .capabilities(capabilities(look, &folder.folder("profile")))
            .connect(&format!("http://127.0.0.1:{port}"))
            .await;
        let page = opened.unwrap_or_else(|error| panic!("{error}\n{}", driver.output()));
        Self { page, driver, _folder: folder }
    }

    /// Opens a page and waits until it is drawn.
    pub(crate) async fn goto(&self, url: &str) {
        self.page.goto(url).await.unwrap_or_else(|e| panic!("{url}: {e}"));
    }

    /// What a script on the page returns.
    pub(crate) async fn run(&self, script: &str) -> Value {
        let said = self.page.execute(script, Vec::new()).await;
        said.unwrap_or_else(|e| panic!("{script}: {e}\n{}", self.driver.output()))
    }

    /// What a script hands to the function `done`.
    pub(crate) async fn wait_for_script(&self, script: &str) -> Value {
        let script = format!("const done = arguments[arguments.length - 1]; {script}");
        self.page.execute_async(&script, Vec::new()).await.unwrap_or_else(|e| panic!("{e}"))
    }

    /// Runs a script until it returns neither null nor false.
    pub(crate) async fn wait(&self, what: &str, script: &str) -> Value {
        let mut poll = tokio::time::interval(POLL);
        let asked = async {
            loop {
                poll.tick().await;
                let said = self.run(script).await;
                if !said.is_null() && said != json!(false) {
                    return said;
                }
            }
        };
        let found = tokio::time::timeout(PATIENCE, asked).await.ok();
        let Some(said) = found else {
            panic!(
                "no {what}; the page:
{}",
                self.text().await
            )
        };
        said
    }

    /// What a reader sees.
    pub(crate) async fn text(&self) -> String {
        let body = self.page.find(Locator::Css("body")).await.expect("a page has a body");
        body.text().await.expect("it can be read")
    }

    /// Presses a key where the focus is.
    pub(crate) async fn press(&self, key: Key) {
        self.write(&char::from(key).to_string()).await;
    }

    /// Types a text where the focus is.
    pub(crate) async fn write(&self, text: &str) {
        let focus = self.page.active_element().await.expect("something has the focus");
        focus.send_keys(text).await.unwrap_or_else(|e| panic!("typing {text:?}: {e}"));
    }

    /// Presses Tab until this script says that the focus is where it is wanted.
    pub(crate) async fn tab_to(&self, what: &str, script: &str) {
        const MOST: usize = 80;
        for _ in 0..MOST {
            self.press(Key::Tab).await;
            if self.run(&format!("const at = document.activeElement; return {script}")).await
                == true
            {
                return;
            }
        }
        panic!("Tab never comes to {what}");
    }

    pub(crate) async fn title(&self) -> String {
        self.page.title().await.expect("a page has a title")
    }

    /// The picture of what is seen, as PNG, for a person to look at.
    pub(crate) async fn picture(&self, to: &PathBuf) {
        let png = self.page.screenshot().await.expect("a page can be drawn");
        std::fs::write(to, png).expect("the folder is there");
    }
}

fn capabilities(look: Look, profile: &std::path::Path) -> Capabilities {
    let mut args: Vec<String> = ALONE.map(str::to_owned).into();
    args.push(format!("--user-data-dir={}", profile.display()));
    args.push("--window-size=1280,900".to_owned());
    let mut options = json!({ "binary": program("chromium").get_program().to_string_lossy() });
    match look {
        Look::Light => {}
        Look::Dark => args.push("--blink-settings=preferredColorScheme=0".to_owned()),
        Look::Phone => {
            let metrics = json!({ "width": 390, "height": 844, "pixelRatio": 2.0 });
            options["mobileEmulation"] = json!({ "deviceMetrics": metrics });
        }
        Look::NoScript => {
            const BLOCK: u8 = 2;
            let key = "profile.managed_default_content_settings.javascript";
            options["prefs"] = json!({ key: BLOCK });
        }
    }
    options["args"] = json!(args);
    let mut wanted = Capabilities::new();
    wanted.insert("goog:chromeOptions".to_owned(), options);
    wanted
}
