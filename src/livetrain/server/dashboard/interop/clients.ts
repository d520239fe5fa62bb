// What a page of somebody else's does with a livetrain-server: both client libraries of gRPC-Web, each with the calls it knows.
// The tests open it from another origin and read what it has seen. It knows the wire schema and nothing of the dashboard.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { Code, ConnectError, createClient } from '@connectrpc/connect';
import { createGrpcWebTransport } from '@connectrpc/connect-web';
import * as grpcWeb from 'grpc-web';

import { HelloSchema, TelemetryService, WatchRequestSchema } from '../src/gen/livetrain/proto/live_pb';
import {
  SessionInfoSchema,
  SessionResponseSchema,
  TelemetryRequestSchema,
} from '../src/gen/livetrain/proto/telemetry_pb';

interface Seen {
  /** Of each message: what it is. */
  kinds: string[];
  /** Of each batch: its step and its loss. */
  batches: [number, number | undefined][];
  /** Of each frame: how many pictures, and how wide the first is once the browser has decoded it. */
  frames: { pictures: number; width: number }[];
  /** Of each registration: whether it succeeded, the session that was said back, and the size of a batch. */
  registered: [boolean, string, number | undefined][];
  error: string;
}

declare global {
  interface Window {
    watch: (server: string, runId: string) => void;
    register: (server: string, service: string, session: string) => void;
    stream: (server: string) => void;
    stop: () => void;
    seen: Seen;
  }
}

window.seen = { kinds: [], batches: [], frames: [], registered: [], error: '' };
let abort = new AbortController();

async function width(bytes: Uint8Array): Promise<number> {
  const bitmap = await createImageBitmap(new Blob([bytes.slice()], { type: 'image/jpeg' }));
  return bitmap.width;
}

window.watch = (server, runId) => {
  const client = createClient(TelemetryService, createGrpcWebTransport({ baseUrl: server }));
  const request = create(WatchRequestSchema, { runId, hello: create(HelloSchema, {}) });
  const run = async () => {
    for await (const message of client.watchRun(request, { signal: abort.signal })) {
      window.seen.kinds.push(message.body.case ?? '');
      if (message.body.case === 'snapshot') {
        for (const curve of message.body.value.curves.filter((one) => one.name === 'loss')) {
          curve.steps.forEach((step, at) => window.seen.batches.push([Number(step), curve.values[at]]));
        }
      } else if (message.body.case === 'events') {
        for (const event of message.body.value.events) {
          const payload = event.record?.payload;
          if (payload?.case === 'batchData') {
            window.seen.batches.push([Number(payload.value.step), payload.value.batchLoss]);
          }
        }
      } else if (message.body.case === 'frame') {
        const payload = message.body.value.record?.payload;
        const strip = payload?.case === 'batchData' ? payload.value.strip : undefined;
        if (strip !== undefined) {
          window.seen.frames.push({ pictures: strip.count, width: await width(strip.imageBytes) });
        }
      }
    }
  };
  run().catch((error: unknown) => {
    window.seen.error = error instanceof ConnectError ? Code[error.code] : String(error);
  });
};

// A registration, as the older page's generated client makes it before it streams.
window.register = (server, service, session) => {
  const client = new grpcWeb.GrpcWebClientBase({ format: 'text' });
  const method = new grpcWeb.MethodDescriptor(
    `/${service}/RegisterTrainingSession`,
    grpcWeb.MethodType.UNARY,
    Object,
    Object,
    () => toBinary(SessionInfoSchema, create(SessionInfoSchema, { sessionId: session, clientName: 'page' })),
    (bytes: Uint8Array) => fromBinary(SessionResponseSchema, bytes),
  );
  client.rpcCall(
    `${server}/${service}/RegisterTrainingSession`,
    {},
    {},
    method,
    (error: grpcWeb.RpcError | null, answer: unknown) => {
      if (error) {
        window.seen.error = error.message;
        return;
      }
      const told = answer as ReturnType<typeof fromBinary<typeof SessionResponseSchema>>;
      window.seen.registered.push([told.success, told.sessionId, told.serverConfig?.maxBatchSize]);
    },
  );
};

// The older page's call, as its generated client makes it: text, one empty request, and a stream of answers.
window.stream = (server) => {
  const client = new grpcWeb.GrpcWebClientBase({ format: 'text' });
  const method = new grpcWeb.MethodDescriptor(
    '/telemetry.TelemetryService/StreamTelemetry',
    grpcWeb.MethodType.SERVER_STREAMING,
    Object,
    Object,
    () => new Uint8Array(),
    (bytes: Uint8Array) => fromBinary(TelemetryRequestSchema, bytes),
  );
  const call = client.serverStreaming(`${server}/telemetry.TelemetryService/StreamTelemetry`, {}, {}, method);
  call.on('data', (answer: unknown) => {
    const record = answer as ReturnType<typeof fromBinary<typeof TelemetryRequestSchema>>;
    window.seen.kinds.push(record.payload.case ?? '');
    if (record.payload.case === 'batchData') {
      const batch = record.payload.value;
      window.seen.batches.push([Number(batch.step), batch.batchLoss]);
      const first = batch.images[0];
      if (first !== undefined) {
        void width(first.imageBytes).then((wide) =>
          window.seen.frames.push({ pictures: batch.images.length, width: wide }),
        );
      }
    }
  });
  call.on('error', (error: { message: string }) => {
    window.seen.error = error.message;
  });
  abort.signal.addEventListener('abort', () => call.cancel());
};

window.stop = () => {
  abort.abort();
  abort = new AbortController();
};
