package config

import "net/netip"

// Shared are SharedAddresses, the first in front; what is no address is left out.
func (c *Config) Shared() (addresses []netip.Addr) {
	for _, text := range c.SharedAddresses {
		if a, err := netip.ParseAddr(text); err == nil {
			addresses = append(addresses, a.Unmap())
		}
	}
	return addresses
}

func (c *Config) validateShared(bad func(field, format string, args ...any)) {
	const field = "sharedAddresses"
	for _, text := range c.SharedAddresses {
		a, err := netip.ParseAddr(text)
		if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			bad(field, "%q is not an address that a host can hold", text)
		}
	}
	all := c.Shared()
	if len(all) > 2 || len(all) == 2 && all[0].Is4() == all[1].Is4() {
		bad(field, "one of each family is the most")
	}
}
