// Command mutants shows that the tests can fail. It plants one fault after the other in the code that keeps
// registrations, that says who and what is let in and sent where, who is a member, or that replaces keys. It runs the tests
// of what a fault touches and then, where that says something of it, the simulation, and prints what noticed it
// first.
//
// Faults are kept as data in list/, in a form that reads like a patch:
//
//	fault: a lookup is answered by a member that does not hold the partition
//	@ proxy/cluster/read.go
//	 	start := c.begin(e, kindFound)
//	-	if c.serves(local) {
//	+	if true {
//
// The lines that begin with a minus and a space must be in the file once, together and as they stand; lines with a plus
// and a space take their place. A fault may have edits in several places. After an empty line comes the next fault, and
// lines that begin with # say something about one. Nothing in the tree is changed: the compiler is told to read the
// changed file in place of the real one (go help build, -overlay).
//
// Before that the tests run without a fault, since one that always fails notices nothing. One that fails once, and
// passes when it is run again by itself, is reported with what it printed, and ends nothing: make test and make race are
// what no test may fail in.
package main
