//! The HTTP side over a real listener: who may read and order what, and what is answered.

mod audit;
mod certificates;
mod guard;
mod orders;
mod pages;
mod reading;
mod secure;
mod site;
mod table;
