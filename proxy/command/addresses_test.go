package command

import (
	"net/netip"
	"testing"

	"github.com/sipring/sipring/proxy/config"
)

// A pod may have an address of each family: SIP is received at both.
func TestSIPAddresses(t *testing.T) {
	for name, tt := range map[string]struct {
		set, own, pod string
		shared        []string
		want          [2]string // empty: none
	}{
		"one":                    {"", "192.0.2.1", "192.0.2.1", nil, [2]string{"192.0.2.1"}},
		"outside Kubernetes":     {"", "192.0.2.1", "", nil, [2]string{"192.0.2.1"}},
		"both":                   {"", "192.0.2.1", "192.0.2.1,2001:db8::1", nil, [2]string{"192.0.2.1", "2001:db8::1"}},
		"both, IPv6 first":       {"", "2001:db8::1", "2001:db8::1, 192.0.2.1", nil, [2]string{"2001:db8::1", "192.0.2.1"}},
		"the second of both":     {"", "2001:db8::1", "192.0.2.1,2001:db8::1", nil, [2]string{"2001:db8::1", "192.0.2.1"}},
		"shared with other ones": {"192.0.2.9", "192.0.2.1", "192.0.2.1,2001:db8::1", nil, [2]string{"192.0.2.9"}},
		"nonsense beside it":     {"", "192.0.2.1", "192.0.2.1,here", nil, [2]string{"192.0.2.1"}},
		"of all nodes":           {"", "192.0.2.1", "192.0.2.1,2001:db8::1", []string{"192.0.2.9"}, [2]string{"192.0.2.9"}},
		"of both families":       {"", "192.0.2.1", "192.0.2.1", []string{"2001:db8::9", "192.0.2.9"}, [2]string{"2001:db8::9", "192.0.2.9"}},
	} {
		t.Run(name, func(t *testing.T) {
			p := &proxy{options: options{sipAddress: tt.set, podAddresses: tt.pod}}
			p.config.Store(&config.Config{SharedAddresses: tt.shared})
			if got, want := p.sharesAddress(), tt.set != "" || len(tt.shared) > 0; got != want {
				t.Errorf("shares its address: %v, want %v", got, want)
			}
			first, second, err := p.sipAddresses(tt.own)
			if err != nil {
				t.Fatal(err)
			}
			for i, got := range []netip.Addr{first, second} {
				if want, _ := netip.ParseAddr(tt.want[i]); got != want {
					t.Errorf("address %d is %s, want %s", i, got, want)
				}
			}
		})
	}
}
