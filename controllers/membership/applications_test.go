package membership

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipring/sipring/proxy/config"
)

// TestApplications: of the members in the ring alone, by what their present processes
// say in words that are known.
func TestApplications(t *testing.T) {
	in, set := ringOf(7)
	for i, state := range []config.ApplicationState{"Serving", "Down", "Leaving", "Singing", "Serving", "Serving"} {
		in.Reports[i].Saw.Application = &config.Application{State: state}
	}
	in.Pods[4].Started = noon.Add(time.Minute) // its report is of the process before
	set.Members[5].State = config.Draining
	want := []Application{
		{"ring-0", config.ApplicationServing},
		{"ring-1", config.ApplicationDown},
		{"ring-2", config.ApplicationLeaving},
		{"ring-3", config.ApplicationUnknown},
		{"ring-4", config.ApplicationUnknown},
		{"ring-6", config.ApplicationUnknown},
	}
	if d := cmp.Diff(want, Applications(in, set)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
