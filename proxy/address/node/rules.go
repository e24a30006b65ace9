package node

import (
	"encoding/binary"
	"net/netip"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"

	"github.com/sipring/sipring/proxy/address"
)

// Registers, and offsets in headers.
const (
	register = 1

	v4Fragment, v4Destination = 6, 16
	v6Destination             = 24
	arpOperation              = 6
	arpSender, arpTarget      = 14, 24
)

// ICMP that passes: answers and errors that concern what was sent, and echo.
var (
	icmp4 = []byte{0, 3, 8, 11, 12}
	icmp6 = []byte{1, 2, 3, 4, 128, 129, 135, 136}
)

// tables are what guards the addresses of a plan.
type tables struct {
	plan             address.Plan
	filter, arp      *nftables.Table
	four, six, inARP *nftables.Set
}

func newTables(p address.Plan) *tables {
	t := &tables{
		plan:   p,
		filter: &nftables.Table{Name: p.Table, Family: nftables.TableFamilyINet},
		arp:    &nftables.Table{Name: p.Table, Family: nftables.TableFamilyARP},
	}
	lapsing := func(table *nftables.Table, name string, of nftables.SetDatatype) *nftables.Set {
		return &nftables.Set{Table: table, Name: name, KeyType: of, HasTimeout: true}
	}
	t.four, t.six = lapsing(t.filter, setFour, nftables.TypeIPAddr), lapsing(t.filter, setSix, nftables.TypeIP6Addr)
	t.inARP = lapsing(t.arp, setFour, nftables.TypeIPAddr)
	return t
}

// The sets that hold the addresses.
const setFour, setSix = "addresses4", "addresses6"

// elements are the plan's addresses of a family.
func (t *tables) elements(four bool) (all []nftables.SetElement) {
	for _, a := range t.plan.Addresses {
		if a.Is4() == four {
			all = append(all, nftables.SetElement{Key: a.AsSlice(), Timeout: address.GuardLifetime})
		}
	}
	return all
}

// guard is what a packet for the address comes to: whatever returns passes.
func (t *tables) guard(udp, tcp *nftables.Set) [][]expr.Any {
	fragment := []byte{0x1f, 0xff} // the offset, in IPv4
	rules := [][]expr.Any{
		join(ofFamily(unix.NFPROTO_IPV4), header(v4Fragment, 2),
			one(&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 2, Mask: fragment, Xor: []byte{0, 0}}),
			compare(expr.CmpOpNeq, 0, 0), passes),
		join(ofFamily(unix.NFPROTO_IPV6), one(
			&expr.Exthdr{DestRegister: register, Type: unix.IPPROTO_FRAGMENT, Offset: 2, Len: 2, Op: expr.ExthdrOpIpv6},
			&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 2, Mask: []byte{0xff, 0xf8}, Xor: []byte{0, 0}}),
			compare(expr.CmpOpNeq, 0, 0), passes),
	}
	for _, kind := range icmp4 {
		rules = append(rules, join(ofFamily(unix.NFPROTO_IPV4), carrying(unix.IPPROTO_ICMP), transport(0, 1), compare(expr.CmpOpEq, kind), passes))
	}
	for _, kind := range icmp6 {
		rules = append(rules, join(ofFamily(unix.NFPROTO_IPV6), carrying(unix.IPPROTO_ICMPV6), transport(0, 1), compare(expr.CmpOpEq, kind), passes))
	}
	return append(rules,
		join(carrying(unix.IPPROTO_UDP), transport(2, 2), in(udp), passes),
		join(carrying(unix.IPPROTO_TCP), transport(2, 2), in(tcp), passes),
		drops)
}

// arpOut replaces the address where the kernel names it as its own: by that of the
// interface, or by any of the node's where the interface has none.
func (t *tables) arpOut(own []ownAddress) (rules [][]expr.Any) {
	replaced := func(a netip.Addr) []expr.Any {
		return join(header(arpSender, 4), in(t.inARP), one(
			&expr.Immediate{Register: register, Data: a.AsSlice()},
			&expr.Payload{OperationType: expr.PayloadWrite, SourceRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: arpSender, Len: 4}))
	}
	for _, o := range own {
		index := binary.NativeEndian.AppendUint32(nil, uint32(o.index))
		rules = append(rules, join(one(
			&expr.Meta{Key: expr.MetaKeyOIF, Register: register},
			&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: index}), replaced(o.address)))
	}
	if len(own) > 0 {
		rules = append(rules, replaced(own[0].address))
	}
	return rules
}

// ownAddress is the first of an interface.
type ownAddress struct {
	index   int
	address netip.Addr
}

// arpIn drops requests for the address.
func (t *tables) arpIn() []expr.Any {
	return join(header(arpOperation, 2), compare(expr.CmpOpEq, 0, 1), header(arpTarget, 4), in(t.inARP), drops)
}

// caught sends what is for an address of a family to the guard.
func caught(family byte, offset, size uint32, set *nftables.Set) []expr.Any {
	return join(ofFamily(family), header(offset, size), in(set), one(&expr.Verdict{Kind: expr.VerdictGoto, Chain: chainGuard}))
}

const chainGuard = "guard"

var (
	passes = one(&expr.Verdict{Kind: expr.VerdictReturn})
	drops  = one(&expr.Verdict{Kind: expr.VerdictDrop})
)

func one(e ...expr.Any) []expr.Any { return e }

func join(parts ...[]expr.Any) []expr.Any { return slices.Concat(parts...) }

func ofFamily(family byte) []expr.Any {
	return join(one(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register}), compare(expr.CmpOpEq, family))
}

func carrying(protocol byte) []expr.Any {
	return join(one(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}), compare(expr.CmpOpEq, protocol))
}

func header(offset, size uint32) []expr.Any {
	return one(&expr.Payload{DestRegister: register, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size})
}

func transport(offset, size uint32) []expr.Any {
	return one(&expr.Payload{DestRegister: register, Base: expr.PayloadBaseTransportHeader, Offset: offset, Len: size})
}

func compare(how expr.CmpOp, with ...byte) []expr.Any {
	return one(&expr.Cmp{Op: how, Register: register, Data: with})
}

func in(set *nftables.Set) []expr.Any {
	return one(&expr.Lookup{SourceRegister: register, SetName: set.Name, SetID: set.ID})
}

// portKeys are ports as elements of a set.
func portKeys(ports []uint16) (all []nftables.SetElement) {
	for _, port := range ports {
		all = append(all, nftables.SetElement{Key: binaryutil.BigEndian.PutUint16(port)})
	}
	return all
}
