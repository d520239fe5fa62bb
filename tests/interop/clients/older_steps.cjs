// The same trainers on Node's own gRPC: `older_steps.cjs ADDRESS PLANS PACKAGES PROTOS`, the last two as the folders that have its
// packages and the schemas. It knows the steps `register`, `send` and `half_close`. Knows nothing of livetrain.

const { createRequire } = require('node:module');

const [, , address, plans, folder, protos] = process.argv;
const packages = createRequire(`${folder}/package.json`);
const grpc = packages('@grpc/grpc-js');
const { loadSync } = packages('@grpc/proto-loader');

const names = { telemetry: 'Telemetry', metrics: 'Metrics', later: 'Telemetry' };

function trainer(plan) {
  const name = names[plan.schema];
  const options = { keepCase: true, longs: Number, enums: String };
  const loaded = grpc.loadPackageDefinition(loadSync(`${protos}/${plan.schema}.proto`, options));
  const Service = loaded[name.toLowerCase()][`${name}Service`];
  const client = new Service(address, grpc.credentials.createInsecure());
  const told = { acks: [], errors: [], registered: [], ended: [], code: '' };
  const steps = plan.steps;

  function register(fields) {
    const method = client.RegisterSession ? 'RegisterSession' : 'RegisterTrainingSession';
    return new Promise((resolve, reject) => {
      client[method]({ session_id: plan.session, ...fields }, (error, answer) => {
        if (error) return reject(error);
        told.registered.push([answer.success, answer.session_id, answer.message]);
        return resolve();
      });
    });
  }

  async function stream() {
    const call = client[`Stream${name}`]();
    const end = new Promise((resolve) => {
      call.on('status', (status) => {
        told.ended.push(status.code === grpc.status.OK);
        resolve();
      });
    });
    call.on('data', ({ session_id: session, ack, error }) => {
      if (ack) told.acks.push([session, ack.batch_idx ?? 0, ack.success]);
      if (error) told.errors.push([error.code, error.message]);
    });
    call.on('error', (error) => {
      told.code = String(error.code);
    });
    for (;;) {
      const [kind, argument] = steps.shift();
      if (kind === 'half_close') break;
      if (kind !== 'send') throw new Error(kind);
      call.write({ session_id: plan.session, ...argument });
    }
    call.end();
    await end;
  }

  return async () => {
    while (steps.length > 0) {
      if (steps[0][0] === 'register') await register(steps.shift()[1]);
      else await stream();
    }
    client.close();
    console.log(JSON.stringify(told));
  };
}

async function main() {
  for (const plan of JSON.parse(plans)) await trainer(plan)();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
