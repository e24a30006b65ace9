// Command flood attacks three proxies (R=2) on this machine and tells what their
// phones notice: `make flood`.
//
// A well-behaved phone at each proxy (phone.go) sends a REGISTER a second, and
// calls its neighbour, which registered at another proxy, every two seconds. The
// attacks (attack.go; a file each) run one after another, each against proxies
// started for it, from a process and addresses of its own. An attack passes
// (judge.go) if every good request was answered, 99 % of them within 100 ms, no
// proxy took more memory than it may, none ended or failed its liveness probe, and
// nothing was sent to who had not asked for it. What does not pass by slow answers
// alone gets a second run.
//
// A proxy that takes more memory than it may is killed, as the kernel would have
// done to a pod: so the machine that runs this is in no danger (watch.go). All is
// on loopback addresses, needs no root, and ends after a time that is known before.
//
// Attackers have the CPU after everybody else (nice): one on the internet brings
// its own. How much they sent is printed.
package main
