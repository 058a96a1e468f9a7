package runner

import (
	"fmt"

	"github.com/penstock-data/penstock/internal/store"
	"github.com/penstock-data/penstock/setup"
)

// direct returns a problem if a source or destination is to be reached on a
// way that this program does not know, or with secrets that it does not have:
// it must not be reached then.
func direct(what string, w store.Way) error {
	by := ""
	switch {
	case w.HybridAgent != "":
		by = "hybrid deployment agent " + w.HybridAgent
	case w.Method == store.ViaProxyAgent || w.ProxyAgent != "":
		by = "proxy agent " + w.ProxyAgent
	case w.Method == store.ViaPrivateLink || w.PrivateLink != "":
		by = "private link " + w.PrivateLink
	case w.SecretsManager != "":
		return &setup.Problem{Code: "secrets_manager_not_supported", Message: fmt.Sprintf("The secrets of the %s are kept by external secrets manager %s, "+
			"which this server cannot ask. Nothing was sent. To let it use its own config, set external_secrets_manager_id to null.", what, w.SecretsManager)}
	default:
		return nil
	}
	return &setup.Problem{Code: "networking_not_supported", Message: fmt.Sprintf("The %s is to be reached through %s, which this server cannot do. "+
		"Nothing was sent. To let it be reached directly, set networking_method to Directly and hybrid_deployment_agent_id to null.", what, by)}
}
