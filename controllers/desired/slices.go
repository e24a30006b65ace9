package desired

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/types"
	corev1ac "k8s.io/client-go/applyconfigurations/core/v1"
	discoveryv1ac "k8s.io/client-go/applyconfigurations/discovery/v1"

	"github.com/sipring/sipring/api/v1alpha1"
	"github.com/sipring/sipring/controllers/membership"
	"github.com/sipring/sipring/proxy/config"
)

// SlicesManagedBy marks our EndpointSlices, so that no other controller takes
// them for its own.
const SlicesManagedBy = "sipring.io"

// EndpointsPerSlice bounds a slice as Kubernetes' own controller does: a change
// of one member rewrites one slice, and every node's kube-proxy reads it.
const EndpointsPerSlice = 100

// slicePlace says which slice holds an endpoint: those of one family and ports,
// by blocks of member IDs, so that a member never moves from slice to slice.
type slicePlace struct {
	family discoveryv1.AddressType
	ports  slicePorts
	block  uint32
}

// slicePorts are those of a pod, in the order of the listeners; 0 where it was made
// without one.
type slicePorts [config.MaxListeners]int32

// suffix is for the slice's name. It ends with the last port that there is, so that a
// new listener leaves the slices of pods made without it what they are.
func (p slicePorts) suffix() (text string) {
	last := len(p)
	for last > 1 && p[last-1] == 0 {
		last--
	}
	for _, port := range p[:last] {
		text += fmt.Sprintf("-%d", port)
	}
	return text
}

// portsOf are the ports of an endpoint. pod is nil where it is not known: then it is
// as pods are made now.
func portsOf(c *v1alpha1.SIPCluster, pod *corev1.Pod, e membership.Endpoint) (ports slicePorts) {
	listeners := Listeners(c)
	for i := range ports {
		switch {
		case i == 0:
			ports[i] = e.Port
		case i >= len(listeners):
		case pod == nil:
			ports[i] = listeners[i].Port
		default:
			ports[i], _ = podPort(pod, listeners[i])
		}
	}
	return ports
}

// EndpointSlices hold the endpoints of the client Services, in the families that these
// have; where service is nil, in those of the pods.
func EndpointSlices(c *v1alpha1.SIPCluster, service *corev1.Service, pods []corev1.Pod, endpoints []membership.Endpoint) []*discoveryv1ac.EndpointSliceApplyConfiguration {
	all := endpointSlices(c, ClientServiceName(c.Name), c.Name, service, pods, endpoints)
	if Separate(c) {
		all = append(all, endpointSlices(c, TCPServiceName(c.Name), TCPServiceName(c.Name), service, pods, endpoints)...)
	}
	return all
}

// endpointSlices are those of one Service, with names that begin with a prefix. They have
// the ports of all listeners, of which the Service uses its own.
func endpointSlices(c *v1alpha1.SIPCluster, of, prefix string, service *corev1.Service, pods []corev1.Pod, endpoints []membership.Endpoint) []*discoveryv1ac.EndpointSliceApplyConfiguration {
	var slices []*discoveryv1ac.EndpointSliceApplyConfiguration
	places := map[slicePlace]*discoveryv1ac.EndpointSliceApplyConfiguration{}
	byUID := podsByUID(pods)
	for _, e := range endpoints {
		pod := byUID[types.UID(e.UID)]
		for _, address := range reachable(e.Address, pod) {
			if !serves(service, address) {
				continue
			}
			e.Address = address
			place := slicePlace{family(address), portsOf(c, pod, e), (e.ID - 1) / EndpointsPerSlice}
			slice, ok := places[place]
			if !ok {
				slice = endpointSlice(c, of, prefix, place)
				places[place] = slice
				slices = append(slices, slice)
			}
			slice.WithEndpoints(endpoint(c.Namespace, e))
		}
	}
	return slices
}

func endpointSlice(c *v1alpha1.SIPCluster, of, prefix string, p slicePlace) *discoveryv1ac.EndpointSliceApplyConfiguration {
	shortFamily := map[discoveryv1.AddressType]string{discoveryv1.AddressTypeIPv4: "ipv4", discoveryv1.AddressTypeIPv6: "ipv6"}
	name := fmt.Sprintf("%s-%s%s-%d", prefix, shortFamily[p.family], p.ports.suffix(), p.block)
	var ports []*discoveryv1ac.EndpointPortApplyConfiguration
	for i, l := range Listeners(c) {
		if i < len(p.ports) && p.ports[i] != 0 {
			ports = append(ports, discoveryv1ac.EndpointPort().WithName(l.Name).WithProtocol(l4(l)).WithPort(p.ports[i]))
		}
	}
	return owned(discoveryv1ac.EndpointSlice(name, c.Namespace), c).
		WithLabels(map[string]string{
			discoveryv1.LabelServiceName: of,
			discoveryv1.LabelManagedBy:   SlicesManagedBy,
		}).
		WithAddressType(p.family).
		WithPorts(ports...)
}

func endpoint(namespace string, e membership.Endpoint) *discoveryv1ac.EndpointApplyConfiguration {
	a := discoveryv1ac.Endpoint().
		WithAddresses(e.Address).
		WithConditions(discoveryv1ac.EndpointConditions().WithReady(e.Ready).WithServing(e.Serving).WithTerminating(e.Terminating)).
		WithTargetRef(corev1ac.ObjectReference().WithKind("Pod").WithNamespace(namespace).WithName(e.Name).WithUID(types.UID(e.UID)))
	if e.Node != "" {
		a.WithNodeName(e.Node)
	}
	if e.Zone != "" {
		a.WithZone(e.Zone)
	}
	return a
}
