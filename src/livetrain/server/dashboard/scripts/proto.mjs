// Generates src/gen from the wire schema: `npm run proto`, with the Python that has grpcio-tools in $PYTHON.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import path from 'node:path';

const dashboard = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const sources = path.resolve(dashboard, '../../..'); // the folder that holds livetrain/
const suffix = process.platform === 'win32' ? '.cmd' : '';
const python = process.env.PYTHON ?? 'python';

const { status, error } = spawnSync(
  python,
  [
    ...['-m', 'grpc_tools.protoc', `-I${sources}`],
    `--plugin=protoc-gen-es=${path.join(dashboard, 'node_modules/.bin/protoc-gen-es')}${suffix}`,
    `--es_out=${path.join(dashboard, 'src/gen')}`,
    '--es_opt=target=ts,import_extension=none',
    'livetrain/proto/telemetry.proto',
    'livetrain/proto/live.proto',
  ],
  { stdio: 'inherit' },
);
if (error) console.error(`cannot run ${python} (${error.message}); set PYTHON to one with grpcio-tools`);
process.exit(status ?? 1);
