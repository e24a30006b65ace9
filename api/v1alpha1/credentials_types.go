package v1alpha1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// Credentials are where those of the users are: exactly one of Secrets (secrets,
// secretSelector, or both), postgres and http. They are hashes of passwords, as good as
// these to whoever has them.
//
// +kubebuilder:validation:XValidation:rule="(has(self.secrets) || has(self.secretSelector) ? 1 : 0) + (has(self.postgres) ? 1 : 0) + (has(self.http) ? 1 : 0) == 1",message="spec.authentication.digest.credentials: exactly one of secrets, postgres and http; secrets may be named, selected by secretSelector, or both"
type Credentials struct {
	// Secrets hold lines user:realm:hash, as htdigest and sipring password write
	// them: 1 to 8 Secrets of the SIPCluster's namespace, each at most 1 MiB. What
	// changes in them is followed; another name rolls the pods.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=8
	// +listType=map
	// +listMapKey=name
	// +optional
	Secrets []CredentialsSecret `json:"secrets,omitempty"`
	// SecretSelector selects further Secrets of the SIPCluster's namespace by their
	// labels, every key of each: at most 56. The operator needs the right to list
	// Secrets there, which it does not have by itself. What changes in them is
	// followed; one that comes to match, or no longer does, rolls the pods.
	// +kubebuilder:validation:XValidation:rule="has(self.matchLabels) && size(self.matchLabels) > 0 || has(self.matchExpressions) && size(self.matchExpressions) > 0",message="spec.authentication.digest.credentials.secretSelector is empty, and would select every Secret: give it matchLabels or matchExpressions"
	// +kubebuilder:validation:XValidation:rule="!has(self.matchExpressions) || self.matchExpressions.all(e, e.operator in ['In', 'NotIn'] ? has(e.values) && size(e.values) > 0 : e.operator in ['Exists', 'DoesNotExist'] && (!has(e.values) || size(e.values) == 0))",message="spec.authentication.digest.credentials.secretSelector.matchExpressions: operator In or NotIn with values, or Exists or DoesNotExist without"
	// +optional
	SecretSelector *metav1.LabelSelector `json:"secretSelector,omitempty"`
	// Postgres is a PostgreSQL database with a table of subscribers, as Kamailio and
	// OpenSIPS have it.
	// +optional
	Postgres *PostgresCredentials `json:"postgres,omitempty"`
	// HTTP is a service that is asked for each user.
	// +optional
	HTTP *HTTPCredentials `json:"http,omitempty"`
}

// SecretName is the name of a Secret of the SIPCluster's namespace.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="the name of a Secret is lower-case letters, digits, '-' and '.', such as users"
type SecretName string

// SecretKey is a key of a Secret's data.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:XValidation:rule="self.matches('^[-._A-Za-z0-9]+$') && !self.startsWith('..') && self != '.'",message="the key of a Secret is letters, digits, '-', '_' and '.', such as users or tls.crt"
type SecretKey string

// CredentialsSecret is a Secret with lines of credentials.
type CredentialsSecret struct {
	// Name of the Secret, in the SIPCluster's namespace.
	// +required
	Name SecretName `json:"name"`
	// Key whose lines are read. Default: those of every key.
	// +optional
	Key SecretKey `json:"key,omitempty"`
}

// SecretReference is one key of a Secret.
type SecretReference struct {
	// SecretName is the name of a Secret in the SIPCluster's namespace.
	// +required
	SecretName SecretName `json:"secretName"`
	// Key of the Secret that holds it.
	// +required
	Key SecretKey `json:"key"`
}

// PostgresCredentials are a database's.
type PostgresCredentials struct {
	// Connection is the key of a Secret that holds the connection string, such as
	// postgres://sipring:PASSWORD@db.example.com/sip?sslmode=verify-full.
	// +required
	Connection SecretReference `json:"connection"`
	// Query has the user's name as $1 and the domain or realm as $2, and gives rows
	// with columns ha1, ha1b, ha1_sha256, ha1b_sha256 and aor, of which those that are
	// there are used. Default: of the table subscriber of Kamailio and OpenSIPS.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=4096
	// +kubebuilder:validation:XValidation:rule="self.contains('$1')",message="spec.authentication.digest.credentials.postgres.query has the user's name as $1, and the domain or realm as $2"
	// +optional
	Query string `json:"query,omitempty"`
	// Channel is listened to (LISTEN): a notification with user@domain, or with
	// nothing for all users, has what is remembered of them asked for anew. Default:
	// none.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z_][A-Za-z0-9_]*$')",message="spec.authentication.digest.credentials.postgres.channel is a name of letters, digits and '_', such as subscriber_changed"
	// +optional
	Channel string `json:"channel,omitempty"`

	Asking `json:",inline"`
}

// HTTPCredentials are a service's.
//
// +kubebuilder:validation:XValidation:rule="self.url.startsWith('https://') || !(has(self.ca) || has(self.clientCertificate))",message="spec.authentication.digest.credentials.http: ca and clientCertificate need a url of https"
type HTTPCredentials struct {
	// URL that is sent a POST for each user: https, or http where the network itself
	// is trusted, as the answers hold credentials.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="isURL(self) && self.matches('^https?://[^/?#@ ]+([/?][^# ]*)?$')",message="spec.authentication.digest.credentials.http.url is such as https://users.example.com/sip: http or https, no password in it (bearer names a Secret)"
	// +required
	URL string `json:"url"`
	// Bearer is the key of a Secret with a token for the Authorization header.
	// +optional
	Bearer *SecretReference `json:"bearer,omitempty"`
	// CA is the key of a Secret with the certificates, in PEM, that the service's is
	// verified by. Default: those of the image.
	// +optional
	CA *SecretReference `json:"ca,omitempty"`
	// ClientCertificate is shown to the service.
	// +optional
	ClientCertificate *CertificateSecret `json:"clientCertificate,omitempty"`

	Asking `json:",inline"`
}

// CertificateSecret is a Secret of type kubernetes.io/tls.
type CertificateSecret struct {
	// SecretName is the name of a Secret with tls.crt and tls.key.
	// +required
	SecretName SecretName `json:"secretName"`
}

// Asking is how a source is asked for users, and what is remembered of its answers.
type Asking struct {
	// CacheSeconds is how long what the source said of a user is taken as it is: 1 to
	// 86400 seconds, default 300.
	// +kubebuilder:default=300
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=86400
	// +optional
	CacheSeconds int32 `json:"cacheSeconds,omitempty"`
	// StaleSeconds is how long beyond that it is still taken while the source is
	// away: 0 to 604800 seconds, default 86400, a day. Users that are not remembered
	// are answered 503 meanwhile.
	// +kubebuilder:default=86400
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=604800
	// +optional
	StaleSeconds *int32 `json:"staleSeconds,omitempty"`
	// TimeoutSeconds is how long the source has to answer: 1 to 30 seconds, default 3.
	// +kubebuilder:default=3
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=30
	// +optional
	TimeoutSeconds int32 `json:"timeoutSeconds,omitempty"`
	// MaxConcurrent is how many questions each proxy may have under way: 1 to 256,
	// default 16.
	// +kubebuilder:default=16
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=256
	// +optional
	MaxConcurrent int32 `json:"maxConcurrent,omitempty"`
}
