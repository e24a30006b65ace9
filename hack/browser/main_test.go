package browser

import (
	"os"
	"testing"

	"github.com/sipring/sipring/proxy/command/commandtest"
)

func TestMain(m *testing.M) {
	if commandtest.Ran() {
		return
	}
	os.Exit(m.Run())
}
