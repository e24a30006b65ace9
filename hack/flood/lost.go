package main

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
)

// lost is how many datagrams the proxies had no room for in their sockets: those of
// the good phones stand in the same queues as those of an attack.
func (c *cluster) lost() (n int, err error) {
	sockets, err := os.ReadFile("/proc/net/udp")
	if err != nil {
		return 0, err
	}
	for i := range proxies {
		drops, err := dropsAt(sockets, c.sip(i))
		if err != nil {
			return 0, err
		}
		n += drops
	}
	return n, nil
}

// dropsAt sums the drops of the sockets at an address, as the kernel lists them
// (proc_pid_net(5)).
func dropsAt(sockets []byte, at netip.AddrPort) (n int, err error) {
	a := at.Addr().As4()
	local := fmt.Sprintf("%08X:%04X", binary.NativeEndian.Uint32(a[:]), at.Port())
	for line := range bytes.Lines(sockets) {
		f := bytes.Fields(line)
		if len(f) < 13 || string(f[1]) != local {
			continue
		}
		drops, err := strconv.Atoi(string(f[12]))
		if err != nil {
			return 0, fmt.Errorf("the drops of %s: %w", at, err)
		}
		n += drops
	}
	return n, nil
}
