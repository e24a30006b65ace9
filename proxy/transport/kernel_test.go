package transport

import (
	"net"
	"net/netip"
	"testing"
	"testing/fstest"
)

// TestKernelDropsAreCounted: what comes while nobody reads, beyond what the kernel
// keeps, is lost, and counted as that.
func TestKernelDropsAreCounted(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", "[::1]:0"} {
		u, err := ListenUDP(UDPConfig{Address: netip.MustParseAddrPort(address), Loops: 2, ReadBuffer: 4096})
		if err != nil {
			t.Fatal(err)
		}
		if n := u.Stats().KernelDrops; n != 0 {
			t.Errorf("%s: %d drops before anything came", address, n)
		}
		conn, err := net.Dial("udp", u.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		for range 100 {
			_, _ = conn.Write(make([]byte, 1000))
		}
		if n := u.Stats().KernelDrops; n < 50 || n > 100 {
			t.Errorf("%s: %d drops of 100 datagrams", address, n)
		}
		_, _ = conn.Close(), u.Close()
		if n := u.Stats().KernelDrops; n != 0 {
			t.Errorf("%s: %d drops of closed sockets", address, n)
		}
	}
}

// TestKernelTableIsReadByInode: of sockets that others have nothing is counted, nor of
// lines that are none.
func TestKernelTableIsReadByInode(t *testing.T) {
	table := "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops\n" +
		" 4200: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 101 2 0000000000000000 7\n" +
		" 4201: 0100007F:13C4 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 102 2 0000000000000000 11\n" +
		"101 101\n 4202: x\n"
	file, err := fstest.MapFS{"udp": {Data: []byte(table)}}.Open("udp")
	if err != nil {
		t.Fatal(err)
	}
	if n := dropsIn(file, map[string]bool{"101": true, "103": true}); n != 7 {
		t.Errorf("%d drops, want 7", n)
	}
	if n := kernelDrops(fstest.MapFS{}, nil); n != 0 {
		t.Errorf("%d drops without a table", n)
	}
}
