package peer

// childEnv makes the test binary a member of a trial, to be killed as a process.
const childEnv = "SIPRING_PEER_CHILD"

func runChild() {}
