package memberset

import (
	"context"

	"github.com/sipring/sipring/proxy/config"
)

// maxContent bounds what is read as a member set, in bytes: more than a
// ConfigMap can hold.
const maxContent = 2 << 20

// Parse reads a member set, and says why it is not to be believed.
type Parse func(content []byte) (*config.MemberSet, error)

// Source tells member sets.
type Source interface {
	// Run calls apply with every member set that is newer than the one before,
	// until ctx ends. Calls come one at a time, from goroutines of Run, and each
	// set is the receiver's to keep. apply must not block for long. A source is
	// run once.
	Run(ctx context.Context, apply func(*config.MemberSet))
	// Again weighs what the source holds once more, when its Parse says something
	// else than before. It may be called at any time from any goroutine.
	Again()
	// Counters may be called at any time from any goroutine.
	Counters() Counters
}

// Counters of one source since its start. The tags say how they are shown.
type Counters struct {
	// Applied counts the sets handed on, all of rising epoch.
	Applied uint64 `metric:"member_sets_applied_total" help:"Member sets of this proxy's own source that were newer than the one before."`
	// Invalid counts contents that are no valid member set.
	Invalid uint64 `metric:"member_sets_ignored_total{reason=invalid}" help:"Member sets that were invalid, older, or contradicted the one in force."`
	// Unsigned counts sets without a signature that is believed.
	Unsigned uint64 `metric:"member_sets_refused_total{source=own}" help:"Member sets that were not believed: unsigned, or more than a peer may say."`
	// Older counts sets whose epoch is below that in force. A few are normal
	// where two sources are followed: the mounted copy lags behind the API.
	Older uint64 `metric:"member_sets_ignored_total{reason=older}"`
	// Conflicting counts sets of the epoch in force with other content.
	Conflicting uint64 `metric:"member_sets_ignored_total{reason=conflicting}"`
	// APIFailures counts watches that were refused or broke; 0 for a file.
	APIFailures uint64 `metric:"member_set_watch_failures_total" help:"Watches of the member set at the Kubernetes API that were refused or broke."`
	// APIConnected: the API is being watched at this moment.
	APIConnected bool `metric:"member_set_watched" help:"1 while the member set is watched at the Kubernetes API; a file is not."`
}
