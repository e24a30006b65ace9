package transport

import (
	"bufio"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// maxTable bounds how much is read of the kernel's table of sockets, in bytes: that
// of a host may be long, and of a pod it is not.
const maxTable = 1 << 20

// kernelDrops is how many datagrams the kernel dropped at the sockets, most of them
// because they came faster than they were read. It asks the table that /proc has for
// the process's network; what is not there counts as none.
func kernelDrops(root fs.FS, sockets []syscall.RawConn) (n uint64) {
	ours := map[string]bool{}
	for _, raw := range sockets {
		_ = raw.Control(func(fd uintptr) { // a closed one has no inode
			var st unix.Stat_t
			if unix.Fstat(int(fd), &st) == nil {
				ours[strconv.FormatUint(st.Ino, 10)] = true
			}
		})
	}
	for _, table := range []string{"proc/self/net/udp", "proc/self/net/udp6"} {
		if f, err := root.Open(table); err == nil {
			n += dropsIn(f, ours)
			_ = f.Close()
		}
	}
	return n
}

// dropsIn sums the drops of the sockets with those inodes: the last field of their
// lines, of which the tenth is the inode.
func dropsIn(table io.Reader, ours map[string]bool) (n uint64) {
	lines := bufio.NewScanner(io.LimitReader(table, maxTable))
	for lines.Scan() {
		if f := strings.Fields(lines.Text()); len(f) >= 13 && ours[f[9]] {
			drops, _ := strconv.ParseUint(f[len(f)-1], 10, 32)
			n += drops
		}
	}
	return n
}

// drops is kernelDrops of the sockets.
func (u *UDP) drops() uint64 { return kernelDrops(os.DirFS("/"), u.raw) }
