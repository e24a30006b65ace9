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
	for i, state := range []string{"Serving", "Down", "Leaving", "Singing", "Serving", "Serving"} {
		in.Reports[i].Saw.Application = &config.ApplicationReport{State: state}
	}
	in.Pods[4].Started = noon.Add(time.Minute) // its report is of the process before
	set.Members[5].State = config.Draining
	want := []Application{
		{"ring-0", ApplicationServing},
		{"ring-1", ApplicationDown},
		{"ring-2", ApplicationLeaving},
		{"ring-3", ApplicationUnknown},
		{"ring-4", ApplicationUnknown},
		{"ring-6", ApplicationUnknown},
	}
	if d := cmp.Diff(want, Applications(in, set)); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
