// Package fault names the mistakes that the simulation plants in a core on purpose, to show that it would find them.
// Only packages under proxy/cluster can name them, and only tests of the simulation do.
package fault

// Set is the mistakes a core makes. The zero Set is the correct core.
type Set struct {
	// SkipAcks acknowledges a REGISTER before the other holders have confirmed it.
	SkipAcks bool
	// DropTombstones keeps removals from the other holders.
	DropTombstones bool
	// LastArrivalWins replaces a record by whatever copy arrives, instead of merging.
	LastArrivalWins bool
	// SkipFetch counts a partition as held without having fetched it.
	SkipFetch bool
	// AnswerWhileFilling answers lookups from partitions not held yet.
	AnswerWhileFilling bool
	// IgnoreNewHolders keeps writing to the owners only, not to members that announced that they hold the partition.
	IgnoreNewHolders bool
	// ForgetEarly drops a partition as soon as it is not owned, without waiting for the new owners.
	ForgetEarly bool
	// FetchUnconfirmed fetches a partition before every peer has confirmed that it sends updates.
	FetchUnconfirmed bool
	// KeepPending leaves updates under way as they were when another holder announces itself.
	KeepPending bool
	// TrustStall serves on after the process was stopped, without asking whether the others still count it in.
	TrustStall bool
	// TrustMissed serves on though another member says that it acknowledged without this one.
	TrustMissed bool
	// SkipRelay does not pass updates on to holders that the home does not know.
	SkipRelay bool
}
