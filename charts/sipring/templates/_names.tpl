{{- /* The name of every object; the chart's own name in it unless the release has it. */}}
{{- define "sipring.name" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" -}}
{{- else if contains "sipring" .Release.Name -}}
{{- printf "%s-operator" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-sipring-operator" .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "sipring.account" -}}
{{- if .Values.serviceAccount.create -}}
{{- .Values.serviceAccount.name | default (include "sipring.name" .) -}}
{{- else -}}
{{- required "serviceAccount.name: name the account that is there, or let the chart make one (serviceAccount.create)" .Values.serviceAccount.name -}}
{{- end -}}
{{- end -}}

{{- define "sipring.selector" -}}
app.kubernetes.io/name: sipring-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- /* The labels of every object. Ours win over those of the values. */}}
{{- define "sipring.labels" -}}
{{- $ours := include "sipring.selector" . | fromYaml }}
{{- $_ := set $ours "app.kubernetes.io/version" .Chart.AppVersion }}
{{- $_ := set $ours "app.kubernetes.io/managed-by" .Release.Service }}
{{- $_ := set $ours "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version) }}
{{- toYaml (mergeOverwrite (deepCopy .Values.labels) $ours) }}
{{- end -}}

{{- /* A tag that is a number is one: YAML makes 20261126 a float, which prints as 2.0261126e+07. */}}
{{- define "sipring.image" -}}
{{- $repository := .Values.image.repository -}}
{{- with (.Values.global).imageRegistry -}}
{{- $parts := splitList "/" $repository -}}
{{- if or (contains "." (first $parts)) (contains ":" (first $parts)) (eq "localhost" (first $parts)) -}}
{{- $parts = rest $parts -}}
{{- end -}}
{{- $repository = printf "%s/%s" (trimSuffix "/" .) (join "/" $parts) -}}
{{- end -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{- $tag := .Values.image.tag -}}
{{- if not (kindIs "string" $tag) -}}{{- $tag = $tag | int64 | toString -}}{{- end -}}
{{ $repository }}:{{ $tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{- define "sipring.pullSecrets" -}}
{{- $all := concat (.Values.imagePullSecrets | default list) list -}}
{{- range (.Values.global).imagePullSecrets | default list -}}
{{- $all = append $all (ternary (dict "name" .) . (kindIs "string" .)) -}}
{{- end -}}
{{- if $all -}}{{- toYaml ($all | uniq) -}}{{- end -}}
{{- end -}}

{{- /* A duration such as 1m30s in milliseconds. */}}
{{- define "sipring.milliseconds" -}}
{{- $sum := 0 -}}
{{- range regexFindAll "[0-9]+(ms|s|m|h)" . -1 -}}
{{- $n := regexFind "[0-9]+" . | int64 -}}
{{- $unit := regexFind "[a-z]+" . -}}
{{- $sum = add $sum (mul $n (index (dict "ms" 1 "s" 1000 "m" 60000 "h" 3600000) $unit)) -}}
{{- end -}}
{{- $sum -}}
{{- end -}}

{{- /* What cannot work is said before anything is applied. */}}
{{- define "sipring.check" -}}
{{- $l := .Values.leaderElection -}}
{{- $lease := include "sipring.milliseconds" $l.lease | int64 -}}
{{- $renew := include "sipring.milliseconds" $l.renew | int64 -}}
{{- $retry := include "sipring.milliseconds" $l.retry | int64 -}}
{{- if le $lease $renew -}}
{{- fail (printf "leaderElection.lease (%s) must be longer than leaderElection.renew (%s): a leader must have given up before another succeeds it" $l.lease $l.renew) -}}
{{- end -}}
{{- if lt $retry 1 -}}
{{- fail (printf "leaderElection.retry (%s) must be above 0" $l.retry) -}}
{{- end -}}
{{- if le (mul $renew 10) (mul $retry 12) -}}
{{- fail (printf "leaderElection.renew (%s) must be longer than 1.2 times leaderElection.retry (%s), or a leader gives up after one try" $l.renew $l.retry) -}}
{{- end -}}
{{- range .Values.watchNamespaces -}}
{{- if has . (list "kube-system" "kube-public" "kube-node-lease") -}}
{{- fail (printf "watchNamespaces: %s belongs to Kubernetes itself, and the operator writes nothing there: leave it out" .) -}}
{{- end -}}
{{- end -}}
{{- range .Values.rbac.secretSelectorNamespaces -}}
{{- if and $.Values.watchNamespaces (not (has . $.Values.watchNamespaces)) -}}
{{- fail (printf "rbac.secretSelectorNamespaces: %s is none of watchNamespaces: there is no SIPCluster carried out that could select Secrets" .) -}}
{{- end -}}
{{- end -}}
{{- /* helm template and dry runs on the client look nothing up: then there is no kube-system either. */}}
{{- if lookup "v1" "Namespace" "" "kube-system" -}}
{{- range .Values.watchNamespaces -}}
{{- if not (lookup "v1" "Namespace" "" .) -}}
{{- fail (printf "watchNamespaces: there is no namespace %q: create it first (kubectl create namespace %s), or leave it out" . .) -}}
{{- end -}}
{{- end -}}
{{- range .Values.rbac.secretSelectorNamespaces -}}
{{- if not (lookup "v1" "Namespace" "" .) -}}
{{- fail (printf "rbac.secretSelectorNamespaces: there is no namespace %q: create it first (kubectl create namespace %s), or leave it out" . .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
