package phones

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Recorded is a REGISTER that said who sent it, as somebody may have seen it on its way.
type Recorded struct {
	text  string
	proof []string
	cseq  uint32
}

// Overheard is one that a client sent which is no Phone.
func Overheard(text string) Recorded { return Recorded{text: text} }

// Recorded is the phone's last REGISTER with credentials; the zero one before the first.
func (p *Phone) Recorded() Recorded {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.last
}

func (p *Phone) record(r *request) {
	if r.method != "REGISTER" || len(r.proof) == 0 {
		return
	}
	p.mu.Lock()
	p.last = Recorded{text: r.sent, proof: r.proof, cseq: r.cseq}
	p.mu.Unlock()
}

// later is how much higher the CSeq of a forged request is: above all that the phone uses.
const later = 10000

// Forge sends the credentials of a recorded REGISTER once more, from the phone's own socket
// but for another contact, as a new registration. It returns the answer's status.
func (p *Phone) Forge(ctx context.Context, r Recorded, contact string, to netip.AddrPort) (int, error) {
	res, err := p.once(ctx, &request{
		method: "REGISTER", uri: "sip:" + p.cfg.Domain, via: to.String(),
		from: fmt.Sprintf("<%s>;tag=%s", p.AOR(), sip.GenerateTagN(12)), to: "<" + p.AOR() + ">",
		callID: sip.GenerateTagN(20), cseq: r.cseq + later, proof: r.proof,
		headers: []string{"Contact: <" + contact + ">", "Expires: 3600"},
	})
	if err != nil {
		return 0, fmt.Errorf("forged REGISTER %s: %w", p.cfg.User, err)
	}
	return res.StatusCode, nil
}

// Copy sends a recorded REGISTER as it was from another socket, which is connected to a
// proxy, and returns the answer's status.
func (r Recorded) Copy(ctx context.Context, from *net.UDPConn) (int, error) {
	buf := make([]byte, 1<<16)
	for ctx.Err() == nil {
		if _, err := from.Write([]byte(r.text)); err != nil {
			return 0, err
		}
		if err := from.SetReadDeadline(time.Now().Add(t1)); err != nil {
			return 0, err
		}
		n, err := from.Read(buf)
		if err != nil {
			continue // lost, or nobody is there at the moment
		}
		var status int
		if _, err := fmt.Sscanf(string(buf[:n]), "SIP/2.0 %d ", &status); err != nil {
			line, _, _ := strings.Cut(string(buf[:n]), "\r\n")
			return 0, fmt.Errorf("copied REGISTER: %q: %w", line, err)
		}
		if status >= sip.StatusOK {
			return status, nil
		}
	}
	return 0, fmt.Errorf("copied REGISTER: %w", ctx.Err())
}
