// An admission webhook with a certificate of its own, as policy engines run them: denies what it is told to deny.
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { selfSigned } from '../adapters/kubernetes/certificate.ts';
import type { KubernetesObject } from './kubernetes-api.ts';

export interface Webhook extends AsyncDisposable {
  /** The configuration that makes the API server ask about resizes in one namespace. */
  configuration(namespace: string): KubernetesObject;
  /** How often it was asked. */
  readonly asked: () => number;
}

interface AdmissionReview {
  readonly request: { readonly uid: string };
}

export async function startDenyingWebhook(name: string, message: string): Promise<Webhook> {
  const { cert, key } = selfSigned(name, '127.0.0.1');
  let asked = 0;
  const server = createServer({ cert, key }, (incoming, outgoing) => {
    const parts: Buffer[] = [];
    incoming.on('data', (part: Buffer) => parts.push(part));
    incoming.on('end', () => {
      asked += 1;
      const review = JSON.parse(Buffer.concat(parts).toString('utf8')) as AdmissionReview;
      const response = { uid: review.request.uid, allowed: false, status: { code: 403, message } };
      outgoing.setHeader('content-type', 'application/json');
      outgoing.end(JSON.stringify({ apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview', response }));
    });
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    asked: () => asked,
    configuration: (namespace) => ({
      apiVersion: 'admissionregistration.k8s.io/v1',
      kind: 'ValidatingWebhookConfiguration',
      metadata: { name },
      webhooks: [
        {
          name,
          clientConfig: {
            url: `https://127.0.0.1:${String(port)}/deny`,
            caBundle: Buffer.from(cert).toString('base64'),
          },
          rules: [{ apiGroups: [''], apiVersions: ['v1'], operations: ['UPDATE'], resources: ['pods/resize'] }],
          namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } },
          failurePolicy: 'Fail',
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          timeoutSeconds: 5,
        },
      ],
    }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
