package v1alpha1_test

import (
	"fmt"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/sipring/sipring/controllers/testapi"
)

const secured = "tls: {certificateRefs: [{name: a}]}"

// ofTLS is a listener of TLS with what is in its tls.
func ofTLS(tls string) string {
	return "listeners: [{name: a, protocol: TLS, tls: {certificateRefs: [{name: a}], " + tls + "}}]"
}

// ofWS is a listener of WebSocket with what is in its webSocket.
func ofWS(webSocket string) string {
	return "listeners: [{name: a, protocol: WS, webSocket: {" + webSocket + "}}]"
}

func listenersRefused() map[string]refusal {
	const (
		onePort   = "spec.listeners: two listeners have one port: give each its own"
		innerPort = "a port of spec.listeners is also one of spec.ports (peer, health, admin), which are of TCP"
		noNames   = "spec.listeners.tls.clientNames holds domains such as trunk.example.net"
		noOrigin  = "spec.listeners.webSocket.origins holds scheme://host or scheme://host:port in lower case"
		noPrefix  = "spec.listeners.proxyProtocol.trustedCIDRs holds prefixes such as 192.0.2.0/24"
		client    = "clientAuth: Require, clientCA: {secretName: ca}, "
	)
	return map[string]refusal{
		"SCTP":                         {spec: "listeners: [{name: a, protocol: SCTP}]", want: `supported values: "UDP", "TCP", "TLS", "WS", "WSS"`},
		"udp in small letters":         {spec: "listeners: [{name: a, protocol: udp}]", want: `supported values: "UDP", "TCP", "TLS", "WS", "WSS"`},
		"TCP on the admin port":        {spec: "listeners: [{name: a, protocol: UDP}, {name: b, protocol: TCP, port: 9090}]", want: innerPort},
		"WSS on the peers' port":       {spec: "listeners: [{name: a, protocol: WSS, port: 7947, " + secured + "}]", want: innerPort},
		"WS by default on the admin's": {spec: "ports: {admin: 8080}\nlisteners: [{name: a, protocol: WS}]", want: innerPort},
		"TCP and WS on one port":       {spec: "listeners: [{name: a, protocol: TCP}, {name: b, protocol: WS, port: 5060}]", want: onePort},
		"TLS twice by default":         {spec: "listeners: [{name: a, protocol: TLS, " + secured + "}, {name: b, protocol: TLS, " + secured + "}]", want: onePort},
		"TCP at the default of TLS":    {spec: "listeners: [{name: a, protocol: TLS, " + secured + "}, {name: b, protocol: TCP, port: 5061}]", want: onePort},
		"two node ports of TCP":        {spec: "service: {type: LoadBalancer}\nlisteners: [{name: a, protocol: TCP, nodePort: 30060}, {name: b, protocol: WS, nodePort: 30060}]", want: "spec.listeners: two listeners have one nodePort"},

		"TLS without a certificate": {spec: "listeners: [{name: a, protocol: TLS}]", want: "spec.listeners: protocol TLS and WSS need tls with a certificate: name its Secret in tls.certificateRefs"},
		"WSS without a certificate": {spec: "listeners: [{name: a, protocol: WSS}]", want: "spec.listeners: protocol TLS and WSS need tls with a certificate"},
		"tls of UDP":                {spec: "listeners: [{name: a, protocol: UDP, " + secured + "}]", want: "spec.listeners: tls is for protocol TLS and WSS"},
		"tls of TCP":                {spec: "listeners: [{name: a, protocol: TCP, " + secured + "}]", want: "spec.listeners: tls is for protocol TLS and WSS"},
		"tls of WS":                 {spec: "listeners: [{name: a, protocol: WS, " + secured + "}]", want: "spec.listeners: tls is for protocol TLS and WSS"},
		"tls of nothing":            {spec: "listeners: [{name: a, protocol: TLS, tls: {}}]", want: "spec.listeners[0].tls.certificateRefs: Required value"},
		"no certificate":            {spec: "listeners: [{name: a, protocol: TLS, tls: {certificateRefs: []}}]", want: "should have at least 1 items"},
		"one certificate twice":     {spec: "listeners: [{name: a, protocol: TLS, tls: {certificateRefs: [{name: a}, {name: a}]}}]", want: "Duplicate value"},
		"17 certificates":           {spec: "listeners: [{name: a, protocol: TLS, tls: {certificateRefs: [" + certificates(17) + "]}}]", want: "must have at most 16 items"},
		"certificate of elsewhere":  {spec: "listeners: [{name: a, protocol: TLS, tls: {certificateRefs: [{name: a, namespace: b}]}}]", want: `unknown field "spec.listeners[0].tls.certificateRefs[0].namespace"`},
		"certificate ../a":          {spec: "listeners: [{name: a, protocol: TLS, tls: {certificateRefs: [{name: ../a}]}}]", want: "the name of a Secret is lower-case letters, digits, '-' and '.'"},
		"TLS 1.1":                   {spec: ofTLS("minVersion: '1.1'"), want: `supported values: "1.2", "1.3"`},
		"clients sometimes":         {spec: ofTLS("clientAuth: Sometimes"), want: `supported values: "None", "Optional", "Require"`},
		"clients without a CA":      {spec: ofTLS("clientAuth: Require"), want: "spec.listeners.tls: clientAuth Optional and Require need clientCA"},
		"clients, if any, no CA":    {spec: ofTLS("clientAuth: Optional"), want: "spec.listeners.tls: clientAuth Optional and Require need clientCA"},
		"a CA of nobody":            {spec: ofTLS("clientCA: {secretName: ca}"), want: "spec.listeners.tls: clientCA and clientNames are of no use with clientAuth None"},
		"names of nobody":           {spec: ofTLS("clientNames: [a.example]"), want: "spec.listeners.tls: clientCA and clientNames are of no use with clientAuth None"},
		"a CA nowhere":              {spec: ofTLS("clientAuth: Require, clientCA: {}"), want: "spec.listeners.tls.clientCA: exactly one of secretName and configMapName"},
		"a CA in two places":        {spec: ofTLS("clientAuth: Require, clientCA: {secretName: a, configMapName: b}"), want: "spec.listeners.tls.clientCA: exactly one of secretName and configMapName"},
		"a CA in ConfigMap A":       {spec: ofTLS("clientAuth: Require, clientCA: {configMapName: A}"), want: "the name of a ConfigMap is lower-case letters"},
		"no client's name":          {spec: ofTLS(client + "clientNames: []"), want: "should have at least 1 items"},
		"client with a wildcard":    {spec: ofTLS(client + "clientNames: ['*.example.com']"), want: noNames},
		"client with a port":        {spec: ofTLS(client + "clientNames: ['a.example:5061']"), want: noNames},
		"client with a space":       {spec: ofTLS(client + "clientNames: ['a b']"), want: noNames},
		"client sip:":               {spec: ofTLS(client + "clientNames: ['sip:']"), want: noNames},
		"client twice":              {spec: ofTLS(client + "clientNames: [a.example, a.example]"), want: "Duplicate value"},

		"a third protocol policy":   {spec: "service: {protocolPolicy: Both}", want: `supported values: "Mixed", "Separate"`},
		"separate, of two families": {spec: "service: {protocolPolicy: Separate, ipFamilyPolicy: PreferDualStack}", want: "spec.service.protocolPolicy Separate has two Services"},

		"webSocket of UDP":       {spec: "listeners: [{name: a, protocol: UDP, webSocket: {}}]", want: "spec.listeners: webSocket is for protocol WS and WSS"},
		"udpFlows of TCP":        {spec: "listeners: [{name: a, protocol: TCP, udpFlows: Any}]", want: "spec.listeners: udpFlows is for protocol UDP"},
		"udpFlows of no kind":    {spec: "listeners: [{name: a, protocol: UDP, udpFlows: Some}]", want: "udpFlows"},
		"webSocket of TLS":       {spec: "listeners: [{name: a, protocol: TLS, webSocket: {}, " + secured + "}]", want: "spec.listeners: webSocket is for protocol WS and WSS"},
		"path ws":                {spec: ofWS("path: ws"), want: "spec.listeners.webSocket.path is a path such as /ws"},
		"path with a query":      {spec: ofWS("path: '/ws?a'"), want: "spec.listeners.webSocket.path is a path such as /ws"},
		"no path":                {spec: ofWS("path: ''"), want: "at least 1 chars long"},
		"long path":              {spec: ofWS("path: /" + strings.Repeat("a", 255)), want: "may not be more than 255"},
		"no origin":              {spec: ofWS("origins: []"), want: "should have at least 1 items"},
		"origin of a page":       {spec: ofWS("origins: ['https://a.example/page']"), want: noOrigin},
		"origin without scheme":  {spec: ofWS("origins: [a.example]"), want: noOrigin},
		"origin in capitals":     {spec: ofWS("origins: ['https://A.example']"), want: noOrigin},
		"origin *":               {spec: ofWS("origins: ['*']"), want: noOrigin},
		"PROXY of UDP":           {spec: "listeners: [{name: a, protocol: UDP, proxyProtocol: {trustedCIDRs: [192.0.2.0/24]}}]", want: "spec.listeners: proxyProtocol is for what TCP carries, not for protocol UDP"},
		"PROXY of nobody":        {spec: "listeners: [{name: a, protocol: TCP, proxyProtocol: {}}]", want: "trustedCIDRs: Required value"},
		"PROXY of an empty list": {spec: "listeners: [{name: a, protocol: TCP, proxyProtocol: {trustedCIDRs: []}}]", want: "should have at least 1 items"},
		"PROXY of an address":    {spec: "listeners: [{name: a, protocol: TCP, proxyProtocol: {trustedCIDRs: [192.0.2.1]}}]", want: noPrefix},
		"PROXY, bits":            {spec: "listeners: [{name: a, protocol: TCP, proxyProtocol: {trustedCIDRs: [192.0.2.1/24]}}]", want: noPrefix},
	}
}

func listenersAccepted() map[string]string {
	return map[string]string{
		"Services apart":             "service: {type: LoadBalancer, protocolPolicy: Separate, ipFamilyPolicy: SingleStack}\nlisteners: [{name: udp, protocol: UDP}, {name: tcp, protocol: TCP}]",
		"UDP and TCP on one port":    "listeners: [{name: udp, protocol: UDP}, {name: tcp, protocol: TCP}]",
		"TCP alone":                  "listeners: [{name: tcp, protocol: TCP}]",
		"all five":                   "listeners: [{name: udp, protocol: UDP}, {name: tcp, protocol: TCP}, {name: tls, protocol: TLS, " + secured + "}, {name: ws, protocol: WS}, {name: wss, protocol: WSS, " + secured + "}]",
		"UDP on the admin's of TCP":  "listeners: [{name: a, protocol: UDP, port: 9090}]",
		"UDP and TCP, one node port": "service: {type: LoadBalancer}\nlisteners: [{name: a, protocol: UDP, nodePort: 30060}, {name: b, protocol: TCP, nodePort: 30060}]",
		"all of a TLS":               "listeners: [{name: a, protocol: TLS, proxyProtocol: {trustedCIDRs: [192.0.2.0/24, '2001:db8::/32']}, tls: {certificateRefs: [" + certificates(16) + "], minVersion: '1.3', clientAuth: Require, clientCA: {configMapName: ca.example}, clientNames: [trunk.example.net, 'sip:trunk@example.net', 'sip:example.net', 'spiffe://example.net/trunk']}}]",
		"all of a WSS":               "listeners: [{name: a, protocol: WSS, port: 443, webSocket: {path: /ws/sip, origins: ['https://phone.example.com', 'http://localhost:8080', 'app://phone']}, tls: {certificateRefs: [{name: a}], clientAuth: Optional, clientCA: {secretName: ca}}}]",
	}
}

// certificates are n references.
func certificates(n int) (list string) {
	for i := range n {
		list += fmt.Sprintf("{name: c%d},", i)
	}
	return list
}

// TestListenerDefaults: the API server fills in what is the same for all; the port is of
// the protocol, and left to the operator.
func TestListenerDefaults(t *testing.T) {
	api := testapi.Need(t, server)
	u := manifest(t, "defaults", "listeners: [{name: a, protocol: WSS, webSocket: {}, "+secured+"}]")
	if err := api.Client.Create(t.Context(), u, client.DryRunAll); err != nil {
		t.Fatal(err)
	}
	listeners, _, _ := unstructured.NestedSlice(u.Object, "spec", "listeners")
	l := listeners[0].(map[string]any)
	for path, want := range map[string]any{"tls.minVersion": "1.2", "tls.clientAuth": "None", "webSocket.path": "/", "port": nil} {
		if got, _, _ := unstructured.NestedFieldNoCopy(l, strings.Split(path, ".")...); got != want {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}
