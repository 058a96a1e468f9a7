package secretsmanager

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/penstock-data/penstock/internal/amazon"
	"github.com/penstock-data/penstock/setup"
)

// awsSecretsManager is AWS Secrets Manager (API reference, GetSecretValue,
// 2017-10-17, read 2026-11), in a role that this server takes on by STS
// (AssumeRole, 2011-06-15) with its own credentials. A secret's name is its
// name or its ARN. A name is looked up in the server's region.
var awsSecretsManager = &Type{
	ID: "AWS_SECRET_MANAGER", title: "AWS Secrets Manager", said: saidByAWS, open: openAWS,
	Config: setup.Describe("AWS Secrets Manager", awsConfig{}),
}

type awsConfig struct {
	RoleARN    string `json:"role_arn" required:"true"`
	ExternalID string `json:"external_id"`
}

// An awsReader takes on the role when it knows the region.
type awsReader struct {
	*via
	awsConfig
	server aws.Credentials
	region string // the server's; "": not known
	role   *aws.Credentials
	again  bool // it has taken on the role a second time
}

func openAWS(ctx context.Context, v *via, config json.RawMessage) (reader, error) {
	r := &awsReader{via: v}
	if err := setup.Decode(config, &r.awsConfig); err != nil {
		return nil, err
	}
	own, err := v.amazon()
	if err == nil && own.Credentials != nil {
		r.region = own.Region
		r.server, err = own.Credentials.Retrieve(ctx)
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil || !r.server.HasKeys() {
		return nil, &refusal{reason: "this server is nobody in AWS", todo: "Whoever runs it can give it credentials: an instance's role, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."}
	}
	v.hidden = append(v.hidden, r.server.SecretAccessKey, r.server.SessionToken)
	return r, nil
}

func (r *awsReader) close(context.Context) {}

func (r *awsReader) read(ctx context.Context, name string) (s secret, err error) {
	region := r.region
	if arn := strings.Split(name, ":"); len(arn) >= 7 && arn[0] == "arn" {
		region = arn[3]
	}
	if region == "" {
		return s, &refusal{reason: "its region is not known", todo: "Give its ARN, or have the server run with AWS_REGION."}
	}
	if r.role == nil {
		if err := r.assume(ctx, region); err != nil {
			return s, err
		}
	}
	a, err := r.value(ctx, region, name)
	if err == nil && !a.ok() && amazon.FaultOf(a.body).Kind == "ExpiredTokenException" && !r.again {
		r.again = true
		if err := r.assume(ctx, region); err != nil {
			return s, err
		}
		a, err = r.value(ctx, region, name)
	}
	if err != nil {
		return s, err
	}
	if !a.ok() {
		return s, r.refused(a, "", awsTodo(amazon.FaultOf(a.body).Kind))
	}
	return awsSecret(a)
}

// awsTodo returns what to do about a secret that is not given.
func awsTodo(kind string) string {
	switch kind {
	case "ResourceNotFoundException":
		return "Check the secret's name and region, or give its ARN."
	case "AccessDeniedException":
		return "Let the role secretsmanager:GetSecretValue of this secret, and kms:Decrypt if it has a key of its own."
	case "DecryptionFailure":
		return "Check the secret's KMS key, and that the role may kms:Decrypt."
	case "InvalidRequestException":
		return "Check whether the secret is to be deleted, and restore it."
	case "InvalidSignatureException", "RequestExpired":
		return "Check the server's clock."
	}
	return "Check the secret and the rights of the role."
}

func awsSecret(a *answer) (s secret, err error) {
	var of struct {
		SecretString *string
		SecretBinary string
	}
	if json.Unmarshal(a.body, &of) != nil {
		return s, &refusal{reason: "the answer is not one of AWS Secrets Manager", todo: "Check what is between this server and AWS."}
	}
	if of.SecretString != nil {
		return secret{text: *of.SecretString}, nil
	}
	b, err := base64.StdEncoding.DecodeString(of.SecretBinary)
	if err != nil || !utf8.Valid(b) {
		return s, &refusal{reason: "it is binary", todo: "Keep it as text."}
	}
	return secret{text: string(b)}, nil
}

// value asks for a secret in the role.
func (r *awsReader) value(ctx context.Context, region, name string) (*answer, error) {
	body, err := json.Marshal(map[string]string{"SecretId": name})
	if err != nil {
		return nil, err
	}
	manager := amazon.Service{Name: "secretsmanager", Region: region, Endpoint: r.endpoint}
	return r.do(ctx, func() (*http.Request, error) {
		return manager.JSON(ctx, *r.role, r.now(), "secretsmanager.GetSecretValue", body)
	})
}

// assume takes on the role for 15 minutes, the least that there is.
func (r *awsReader) assume(ctx context.Context, region string) error {
	form := url.Values{"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {r.RoleARN}, "RoleSessionName": {"penstock"}, "DurationSeconds": {"900"}}
	if r.ExternalID != "" {
		form.Set("ExternalId", r.ExternalID)
	}
	sts := amazon.Service{Name: "sts", Region: region, Endpoint: r.endpoint}
	a, err := r.do(ctx, func() (*http.Request, error) { return sts.Query(ctx, r.server, r.now(), form) })
	if err != nil {
		return err
	}
	if !a.ok() {
		return r.refused(a, "the role was not taken on",
			"Check role_arn, and that the role trusts this server, with the external_id of the secrets manager.")
	}
	var role struct {
		Result struct {
			Credentials struct{ AccessKeyId, SecretAccessKey, SessionToken string }
		} `xml:"AssumeRoleResult"`
	}
	c := &role.Result.Credentials
	if xml.Unmarshal(a.body, &role) != nil || c.AccessKeyId == "" || c.SecretAccessKey == "" {
		return r.refused(a, "the role was taken on without credentials", "Check what is between this server and AWS.")
	}
	r.role = &aws.Credentials{AccessKeyID: c.AccessKeyId, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}
	r.hidden = append(r.hidden, c.SecretAccessKey, c.SessionToken)
	return nil
}

func saidByAWS(a *answer) (string, bool) {
	f := amazon.FaultOf(a.body)
	return strings.TrimPrefix(f.Kind+": "+f.Message, ": "), f.Throttled()
}
