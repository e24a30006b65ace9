// Command bench measures what a registrar and proxy costs its machine: server
// CPU microseconds for each REGISTER and each call, and memory for each
// binding, of sipring, Kamailio and a bare UDP echo side by side in one run.
//
//	make bench                                      # three interleaved rounds, about three minutes
//	make bench BENCH=--quick                        # some seconds, for CI: does it work, not how fast
//	make bench BENCH='--markdown FILE --json FILE'
//	make bench BENCH='--pprof DIR'                  # one more pass that profiles sipring under load
//
// As root, make installs the packages of packages.txt that are missing. It needs
// a machine that does nothing else.
//
// Invariants of the measurement:
//
//   - The load is not ours to tune: REGISTERs come from native/regload.c, calls
//     from SIPp with the scenarios beside it, and what goes over TCP and TLS from
//     native/connload.c. Every server gets the same.
//   - Server CPU is the kernel's account (the CPU clock of each process of the
//     server, exited threads included), read before and after the load.
//   - The server has one core to itself, the load the others, the same for all.
//   - Every round starts every server afresh, one after the other (A B C, A B C),
//     so that a slow minute of the machine hits all of them. Figures are medians
//     over the rounds with their smallest and largest; ratios are taken within a round.
//   - REGISTER with digest has servers of its own in each round, which ask every
//     user: one that lets a REGISTER through unasked is a failure, not a fast server.
//   - TCP and TLS too: phones that keep a connection each, made before anything is
//     counted. Kamailio has one worker for connections, and tlsf only, which is the one
//     to beat.
//   - It ends with an error where anything asked for was not measured: before
//     the first round when something is missing, after the table when a server
//     died or more than 1 % of some requests failed.
//
// Every child process is stopped by its process ID, on success, failure and
// signal; if this process is killed, the kernel sends them SIGTERM. Only
// addresses of 127.90.0.0/16 are used.
package main
