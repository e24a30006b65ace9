package command

import (
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

func TestNonceLife(t *testing.T) {
	for name, tt := range map[string]struct {
		a    *config.Authentication
		want int64
	}{
		"no authentication": {nil, 0},
		"open":              {&config.Authentication{Open: true, Digest: config.Digest{NonceSeconds: 60}}, 0},
		"digest":            {&config.Authentication{Digest: config.Digest{NonceSeconds: 60}}, 60_000},
	} {
		if got := nonceLife(tt.a); got != tt.want {
			t.Errorf("%s: %d ms, want %d", name, got, tt.want)
		}
	}
}
