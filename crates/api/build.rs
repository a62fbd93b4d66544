//! The console is embedded at compile time: build again when it was built again.

fn main() {
    println!("cargo::rerun-if-changed=../../web/dist");
}
