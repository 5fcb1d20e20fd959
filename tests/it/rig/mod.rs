//! Real servers on loopback: one file per server, each a direct foreground child with its data in
//! a temporary folder. Nothing here listens on, or asks, anything outside 127.0.0.0/8, and nothing
//! here judges an answer: the tests do.

pub(crate) mod alertmanager;
pub(crate) mod authority;
pub(crate) mod barman;
pub(crate) mod borg;
pub(crate) mod browser;
pub(crate) mod canned;
pub(crate) mod daemon;
pub(crate) mod dns;
pub(crate) mod eight;
pub(crate) mod haproxy;
pub(crate) mod link;
pub(crate) mod mail_zone;
pub(crate) mod mailbox;
pub(crate) mod mariadb;
pub(crate) mod mortal;
pub(crate) mod native_histogram;
pub(crate) mod nginx;
pub(crate) mod pgbackrest;
pub(crate) mod pki;
pub(crate) mod postgres;
pub(crate) mod process;
pub(crate) mod prometheus;
pub(crate) mod recorder;
pub(crate) mod redis;
pub(crate) mod restic;
pub(crate) mod room;
pub(crate) mod secure;
pub(crate) mod service;
pub(crate) mod tls_zoo;
pub(crate) mod web;
