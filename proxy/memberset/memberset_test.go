package memberset

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/sipring/sipring/proxy/config"
)

// patient is how long a test waits for what must happen.
const patient = 20 * time.Second

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// content is a member set of one member.
func content(epoch uint64, name string) string {
	return fmt.Sprintf(`{"epoch":%d,"members":[{"id":1,"name":%q,"address":"192.0.2.1","state":"active"}]}`, epoch, name)
}

// run runs the source until the test ends; the channel has what it applies.
func run(t *testing.T, s Source) <-chan *config.MemberSet {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	applied, done := make(chan *config.MemberSet, 100), make(chan struct{})
	go func() {
		defer close(done)
		s.Run(ctx, func(set *config.MemberSet) { applied <- set })
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	return applied
}

// wantEpoch waits for the next applied set.
func wantEpoch(t *testing.T, applied <-chan *config.MemberSet, epoch uint64) {
	t.Helper()
	select {
	case set := <-applied:
		if set.Epoch != epoch {
			t.Fatalf("applied epoch %d, want %d", set.Epoch, epoch)
		}
	case <-time.After(patient):
		t.Fatalf("epoch %d was not applied", epoch)
	}
}

// until waits for a condition that something else makes true.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patient); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
	}
}

// journal is a log that can be counted.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(b []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(b)
}

func (j *journal) count(part string) int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return strings.Count(j.text.String(), part)
}

func (j *journal) logger() *slog.Logger { return slog.New(slog.NewTextHandler(j, nil)) }
