# A small policy as a bundle, trained on a generated world.
planner world --out data --issues 600 --seed 3
planner train --dataset data --policy mlp --out model --epochs 3 --min-agreement 0
planner export --model model --out bundle
tar -cpf "$DOCUMENTS_ARCHIVE" bundle
