// Command echo is the pod of the local cluster's self-test: it answers HTTP
// and UDP on one port with its pod's name and the source address it saw, and
// tells what the pod itself can reach.
package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"
)

const (
	serviceAccount = "/var/run/secrets/kubernetes.io/serviceaccount/"
	maxAnswer      = 64 << 10
)

func main() {
	listen := flag.String("listen", ":8080", "address for HTTP and UDP")
	flag.Parse()
	go serveUDP(*listen)
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, answer(r.RemoteAddr))
	})
	http.HandleFunc("/relay", func(w http.ResponseWriter, r *http.Request) {
		reply(w, r, &http.Client{Timeout: 2 * time.Second}, r.FormValue("url"), "")
	})
	http.HandleFunc("/apiserver", askAPIServer)
	log.Fatal(http.ListenAndServe(*listen, nil))
}

// answer is "pod source".
func answer(source string) string {
	return os.Getenv("POD_NAME") + " " + source
}

// askAPIServer reaches the API as in-cluster clients do: the address from the
// environment, the certificate authority and token from the service account.
func askAPIServer(w http.ResponseWriter, r *http.Request) {
	ca, err := os.ReadFile(serviceAccount + "ca.crt")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	token, err := os.ReadFile(serviceAccount + "token")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots}},
	}
	host := net.JoinHostPort(os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT"))
	reply(w, r, client, "https://"+host+"/version", string(token))
}

// reply passes on what url answers to asked.
func reply(w http.ResponseWriter, asked *http.Request, client *http.Client, url, token string) {
	req, err := http.NewRequestWithContext(asked.Context(), http.MethodGet, url, nil)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := client.Do(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	defer resp.Body.Close()
	w.WriteHeader(resp.StatusCode)
	if _, err := io.Copy(w, io.LimitReader(resp.Body, maxAnswer)); err != nil {
		log.Printf("pass on answer of %s: %v", url, err)
	}
}

func serveUDP(address string) {
	var config net.ListenConfig
	conn, err := config.ListenPacket(context.Background(), "udp", address)
	if err != nil {
		log.Fatal(err)
	}
	buf := make([]byte, 1500)
	for {
		_, from, err := conn.ReadFrom(buf)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := conn.WriteTo([]byte(answer(from.String())), from); err != nil {
			log.Print(err)
		}
	}
}
