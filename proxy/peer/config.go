package peer

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sipring/sipring/proxy/config"
	"github.com/sipring/sipring/proxy/location"
)

// Config is what a Node needs.
type Config struct {
	// Cluster, ID and Name say who this member is; Address is where it binds.
	Cluster string
	ID      uint32
	Name    string
	Address string
	Ports   config.Ports
	// Keys of the cluster, at least one.
	Keys *config.Keys
	// Limits of one address-of-record.
	Limits location.Limits
	// Budget is how many bytes bindings may take at this member until new
	// addresses-of-record are refused, here and at whoever shares them; 0 is
	// without bound.
	Budget int
	// Handler of frames from other members.
	Handler Handler
	// Suspects, if set, is called with the names of the members that are down, and of
	// those of them at whose ports nothing listened any more, on change only, from one
	// goroutine at a time. It must not block.
	Suspects func(names, ended []string)
	// Trust, if set, says whose signature makes the member set of a peer believed;
	// nil while nobody signs. It is called from any goroutine.
	Trust func() *config.Trust
	// Registry shows the metrics of this member's part in the cluster; nil shows
	// them nowhere.
	Registry prometheus.Registerer
	// Log; nil discards.
	Log *slog.Logger

	clock       *clock // nil: that of the machine
	unknownWait int64  // 0: defaultUnknownWait
	// wire is what a connection to another member is made to be; nil: as it is.
	wire func(net.Conn) net.Conn
}

func (c *Config) validate() error {
	switch _, err := netip.ParseAddr(c.Address); {
	case c.Keys == nil || len(c.Keys.Keys) == 0:
		return errors.New("start peer: no keys")
	case c.ID == 0:
		return errors.New("start peer: no id")
	case c.Handler == nil:
		return errors.New("start peer: no handler")
	case err != nil:
		return fmt.Errorf("start peer: address: %w", err)
	}
	return nil
}
