//! The daemon that a command asks: where it is, by what it is trusted, and who asks.

use std::path::PathBuf;

use clap::Args;
use launchgate_core::name::Name;

/// Where the daemon is, and who asks.
#[derive(Debug, Clone, Args)]
pub struct Daemon {
    /// The launch; may be left out when the daemon serves one.
    #[arg(long)]
    pub launch: Option<Name>,
    /// The daemon's address.
    #[arg(long, env = "LAUNCHGATE_URL", default_value = "http://127.0.0.1:7420")]
    pub url: String,
    /// A file with the token; the variable `LAUNCHGATE_TOKEN` holds the token itself.
    #[arg(long, env = "LAUNCHGATE_TOKEN_FILE")]
    pub token_file: Option<PathBuf>,
    /// Who acts, against a daemon in `--dev` mode, which takes no tokens.
    #[arg(long = "as", value_name = "PERSON")]
    pub person: Option<Name>,
    /// A CA to trust besides the public ones, in PEM.
    #[arg(long, env = "LAUNCHGATE_CA_FILE")]
    pub ca_file: Option<PathBuf>,
    /// A client certificate that says who asks, with those that lead to its authority, in PEM; a token wins over it.
    #[arg(long, env = "LAUNCHGATE_CLIENT_CERT", value_name = "FILE", requires = "client_key")]
    pub client_cert: Option<PathBuf>,
    /// Its key, in PEM.
    #[arg(long, env = "LAUNCHGATE_CLIENT_KEY", value_name = "FILE", requires = "client_cert")]
    pub client_key: Option<PathBuf>,
}
