package application

// Result of one check of an application.
type Result uint8

const (
	// Healthy is an answer.
	Healthy Result = iota
	// Failed is no answer in time, or one that says that it cannot serve.
	Failed
	// Refused is a port at which nothing listens.
	Refused
	results
)

// String is the value of the label of metrics.
func (r Result) String() string {
	return [results]string{"healthy", "failed", "refused"}[r]
}

// successes in a row after which an application serves.
const successes = 2

// Health tells from the results of checks whether an application serves: it begins to after two successes in a row, and
// ends to after so many failures in a row, or at once when it refuses. The zero Health does not serve and takes every
// failure for enough. Not safe for concurrent use.
type Health struct {
	failures  int
	serves    bool
	failed    int // in a row
	succeeded int // in a row
}

// NewHealth returns that of an application of which nothing is known yet. failures is at least 1.
func NewHealth(failures int) Health { return Health{failures: failures} }

// Serves reports whether the application serves.
func (h *Health) Serves() bool { return h.serves }

// Take takes the result of a check, and reports whether that changed what Serves says.
func (h *Health) Take(r Result) (changed bool) {
	before := h.serves
	switch r {
	case Healthy:
		h.failed, h.succeeded = 0, min(h.succeeded+1, successes)
		h.serves = h.serves || h.succeeded == successes
	case Failed:
		h.failed, h.succeeded = h.failed+1, 0
		h.serves = h.serves && h.failed < h.failures
	case Refused:
		h.failed, h.succeeded = h.failures, 0
		h.serves = false
	}
	return h.serves != before
}
